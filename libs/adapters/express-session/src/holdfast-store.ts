import type { Request } from 'express'
import session, { type Session, type SessionData } from 'express-session'
import { invalidField } from '@holdfast/errors'
import type { SessionStore } from '@holdfast/session'
import { type Origin, StoredSessions } from './stored-sessions.js'

export interface HoldfastStoreOptions {
  /** Where the sessions are durable, from `openSessionStore`; it is not closed with this store. */
  readonly sessions: SessionStore
  /** Of all keys; default `express:`. */
  readonly prefix?: string
  /** How long a session lives whose cookie has no end, in milliseconds; default 86,400,000 (a day). A cookie with an end decides itself. */
  readonly ttlMs?: number
  /** A touch that would lengthen a session by less than so many milliseconds writes nothing; default 0. The session may end as much earlier. */
  readonly touchAfterMs?: number
}

type Callback<Answer extends unknown[] = []> = (error?: unknown, ...answer: Answer) => void

const readsAtOnce = 500

/** A store for express-session. Whatever fails reaches the callback: an outage is an error of the request, never a request without a session. */
export class HoldfastStore extends session.Store {
  readonly #sessions: StoredSessions
  readonly #ttlMs: number
  readonly #touchAfterMs: number
  readonly #origins = new WeakMap<object, Origin>()

  /** @throws INVALID_ARGUMENT naming the option at fault */
  constructor(options: HoldfastStoreOptions) {
    super()
    const { sessions, prefix = 'express:', ttlMs = 86_400_000, touchAfterMs = 0 } = options
    if (!Number.isSafeInteger(ttlMs) || ttlMs < 1) throw invalidField('ttlMs', 'must be a positive integer')
    if (!Number.isSafeInteger(touchAfterMs) || touchAfterMs < 0) {
      throw invalidField('touchAfterMs', 'must be an integer from 0')
    }
    this.#sessions = new StoredSessions(sessions, prefix)
    this.#ttlMs = ttlMs
    this.#touchAfterMs = touchAfterMs
  }

  override get(id: string, callback: Callback<[SessionData | null]>): void {
    this.#answer(this.#get(id), callback)
  }

  /** Members that the request did not change stay as others have left them. A session that ended meanwhile is not brought back. */
  override set(id: string, data: SessionData, callback?: Callback): void {
    this.#answer(this.#set(id, data), callback)
  }

  override destroy(id: string, callback?: Callback): void {
    this.#answer(this.#sessions.remove(id), callback)
  }

  override touch(id: string, data: SessionData, callback?: Callback): void {
    const { ttlMs, expires } = this.#lifetime(data)
    const touch = { ttlMs, expires, touchAfterMs: this.#touchAfterMs }
    this.#answer(ttlMs > 0 ? this.#sessions.touch(id, touch) : this.#sessions.remove(id), callback)
  }

  /** Reads every session. */
  override all(callback: Callback<[Record<string, SessionData>]>): void {
    this.#answer(this.#all(), callback)
  }

  /** Reads every session. */
  override length(callback: Callback<[number]>): void {
    this.#answer(
      this.#all().then((all) => Object.keys(all).length),
      callback,
    )
  }

  override clear(callback?: Callback): void {
    this.#answer(this.#clear(), callback)
  }

  override createSession(request: Request, data: SessionData): Session & SessionData {
    const made = super.createSession(request, data)
    const origin = this.#origins.get(data)
    if (origin !== undefined) this.#origins.set(made, origin)
    return made
  }

  async #get(id: string): Promise<SessionData | null> {
    const found = await this.#sessions.read(id)
    if (found === undefined) return null
    const data = found.session as unknown as SessionData
    this.#origins.set(data, found.origin)
    return data
  }

  async #set(id: string, data: SessionData): Promise<void> {
    const { ttlMs } = this.#lifetime(data)
    if (ttlMs <= 0) return this.#sessions.remove(id)
    const origin = await this.#sessions.write(id, { session: data, ttlMs, origin: this.#origins.get(data) })
    if (origin !== undefined) this.#origins.set(data, origin)
  }

  async #all(): Promise<Record<string, SessionData>> {
    const ids = await this.#sessions.ids()
    const all: [string, SessionData][] = []
    for (let start = 0; start < ids.length; start += readsAtOnce) {
      const some = ids.slice(start, start + readsAtOnce)
      const found = await Promise.all(some.map((id) => this.#get(id)))
      for (const [index, data] of found.entries()) if (data !== null) all.push([some[index] ?? '', data])
    }
    return Object.fromEntries(all)
  }

  async #clear(): Promise<void> {
    const ids = await this.#sessions.ids()
    for (let start = 0; start < ids.length; start += readsAtOnce) {
      await Promise.all(ids.slice(start, start + readsAtOnce).map((id) => this.#sessions.remove(id)))
    }
  }

  #lifetime({ cookie }: SessionData): { readonly ttlMs: number; readonly expires: Date | undefined } {
    // In what was read back it is a string still.
    const end = cookie.expires as Date | string | null | undefined | false
    if (end === null || end === undefined || end === false) return { ttlMs: this.#ttlMs, expires: undefined }
    const expires = new Date(end)
    return { ttlMs: Math.ceil(expires.getTime() - Date.now()), expires }
  }

  /** Outside of the promise, so that what a callback throws is not taken for a failure of the store. */
  #answer<Answer>(outcome: Promise<Answer>, callback: Callback<[Answer]> | Callback | undefined): void {
    const reply = (callback ?? (() => undefined)) as (...answer: unknown[]) => void
    outcome.then(
      (answer) => process.nextTick(reply, null, answer),
      (error: unknown) => {
        if (callback !== undefined) process.nextTick(reply, error)
        else if (this.listenerCount('error') > 0) this.emit('error', error)
      },
    )
  }
}
