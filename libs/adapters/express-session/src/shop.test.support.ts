import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express, { type ErrorRequestHandler } from 'express'
import session, { type SessionOptions } from 'express-session'
import type { HoldfastStore } from './holdfast-store.js'

declare module 'express-session' {
  interface SessionData {
    cart: string[]
    user: string
    theme: string
  }
}

/** An Express application with sessions, on a port of its own. */
export interface Shop extends AsyncDisposable {
  readonly browser: () => Browser
  /** Resolves when a request to `/held/…` has its session; it goes on when `release` is called. */
  readonly held: () => Promise<{ readonly release: () => void }>
}

export interface Answer {
  readonly status: number
  readonly body: string
  /** Whether the answer sets a cookie. */
  readonly sets: boolean
}

/** Keeps its cookie, as a browser does. */
export class Browser {
  #cookie = ''
  readonly #url: string

  constructor(url: string, cookie = '') {
    this.#url = url
    this.#cookie = cookie
  }

  /** The same cookie at another server. */
  at(other: Browser): Browser {
    return new Browser(other.#url, this.#cookie)
  }

  get sessionId(): string {
    return /s:([^.]*)\./.exec(decodeURIComponent(this.#cookie))?.[1] ?? ''
  }

  async get(path: string): Promise<Answer> {
    const response = await fetch(`${this.#url}${path}`, { headers: { cookie: this.#cookie } })
    const cookie = response.headers.get('set-cookie')
    if (cookie !== null) this.#cookie = cookie.split(';')[0] ?? ''
    return { status: response.status, body: await response.text(), sets: cookie !== null }
  }
}

export async function openShop(store: HoldfastStore, options: Partial<SessionOptions> = {}): Promise<Shop> {
  const waiting: ((hold: { readonly release: () => void }) => void)[] = []
  const app = express()
  app.use(session({ secret: 'of a test', resave: false, saveUninitialized: false, ...options, store }))
  app.use('/held', (_request, _response, next) => {
    waiting.shift()?.({ release: () => next() })
  })
  const routes = express.Router()
  routes.get('/buy/:item', ({ session, params }, response) => {
    session.cart = [...(session.cart ?? []), params.item]
    response.json(session.cart)
  })
  routes.get('/theme/:name', ({ session, params }, response) => {
    session.theme = params.name
    response.send('ok')
  })
  routes.get('/login/:user', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error)
      request.session.user = request.params.user
      response.send('ok')
    })
  })
  routes.get('/logout', ({ session }, response, next) => {
    session.destroy((error) => (error ? next(error) : response.send('ok')))
  })
  routes.get('/forget', ({ session }, response) => {
    delete session.theme
    response.send('ok')
  })
  routes.get('/show', ({ session }, response) => {
    const { user, cart, theme } = session
    response.json({ user, cart, theme })
  })
  app.use(routes)
  app.use('/held', routes)
  const failed: ErrorRequestHandler = (error: { readonly code?: string }, _request, response, next) => {
    if (response.headersSent) next(error)
    else response.status(500).send(error.code)
  }
  app.use(failed)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    browser: () => new Browser(url),
    held: () => new Promise((resolve) => waiting.push(resolve)),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
