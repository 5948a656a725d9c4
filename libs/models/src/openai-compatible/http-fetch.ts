import { HoldfastError } from '@holdfast/errors'
import http from 'node:http'
import https from 'node:https'
import type { Settings } from './options.js'

// A Response of these refuses a body, be it empty: https://fetch.spec.whatwg.org/#null-body-status
const bodiless = new Set([204, 205, 304])

const maxErrorBytes = 64 * 1024

/** The part of `fetch` that the openai package uses, on node:http. Node's own fetch ends any request after 300 s without
 *  headers or without a chunk, whatever the limits here say (undici's headersTimeout and bodyTimeout), has no limit for connecting
 *  that can be set, and follows redirects with the key. The openai package adds headers from OPENAI_* variables of the
 *  environment; what stands in `settings` is all that is sent. */
export class HttpFetch implements Disposable {
  readonly #settings: Settings
  readonly #agent: http.Agent

  constructor(settings: Settings) {
    this.#settings = settings
    // An idle connection is let go before servers and load balancers drop it (most wait 60 s), and holds no process open.
    const pool = { keepAlive: true, timeout: 15_000 }
    this.#agent = settings.baseUrl.protocol === 'https:' ? new https.Agent(pool) : new http.Agent(pool)
  }

  fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input)
    const body = await bodyOf(init)
    const response = await this.#send(url, init.method ?? 'GET', body, init.signal ?? undefined)
    const headers = new Headers()
    for (const [name, value] of Object.entries(response.headers)) {
      if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value)
    }
    const status = response.statusCode ?? 0
    if (bodiless.has(status)) return new Response(null, { status, headers })
    return new Response(status >= 400 ? await errorBody(response) : response, { status, headers })
  };

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  #send(url: URL, method: string, body: Body | undefined, signal?: AbortSignal): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? https : http).request(url, {
        method,
        agent: this.#agent,
        headers: this.#headers(body),
        ...(signal === undefined ? {} : { signal }),
      })
      request.once('socket', (socket) => {
        if (!socket.connecting) return
        const limit = setTimeout(() => request.destroy(this.#connectTimeout()), this.#settings.connectTimeoutMs)
        const stop = (): void => clearTimeout(limit)
        socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', stop)
        socket.once('close', stop)
      })
      let answered = false
      request.once('response', (response) => {
        answered = true
        resolve(response)
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        // The server closed the pooled connection just when it was used again: it never saw the request.
        // https://nodejs.org/docs/latest-v20.x/api/http.html#requestreusedsocket
        const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        if (stale && !answered && signal?.aborted !== true) resolve(this.#send(url, method, body, signal))
        else reject(error)
      })
      request.end(body?.bytes)
    })
  }

  #headers(body: Body | undefined): Record<string, string | number> {
    const { apiKey, headers } = this.#settings
    return {
      accept: 'text/event-stream, application/json',
      'user-agent': 'holdfast',
      ...(body === undefined ? {} : { 'content-type': body.contentType, 'content-length': body.bytes.byteLength }),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    }
  }

  #connectTimeout(): HoldfastError {
    return new HoldfastError(
      'UNAVAILABLE',
      `The model endpoint did not take a connection within ${this.#settings.connectTimeoutMs} ms: check that it runs`,
      { reason: 'MODEL_UNREACHABLE' },
    )
  }
}

interface Body {
  readonly contentType: string
  readonly bytes: Uint8Array
}

async function bodyOf({ body }: RequestInit): Promise<Body | undefined> {
  if (typeof body === 'string') return { contentType: 'application/json', bytes: Buffer.from(body) }
  if (!(body instanceof FormData)) return undefined
  // Writes the parts and draws their boundary.
  const multipart = new Response(body)
  const contentType = multipart.headers.get('content-type') ?? 'multipart/form-data'
  return { contentType, bytes: new Uint8Array(await multipart.arrayBuffer()) }
}

/** The body of a failure with its text where the openai package looks for it, in `error`: FastAPI says `detail`, others
 *  `message`, a proxy answers in HTML. */
async function errorBody(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxErrorBytes) break
  }
  const text = Buffer.concat(chunks).toString()
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && 'error' in body) return text
  } catch {
    // Not JSON: quoted as it is.
  }
  return JSON.stringify({ error: { message: text } })
}
