import { HoldfastError } from '@holdfast/errors'
import type { SessionStore } from '@holdfast/session'
import { type Members, membersOf, mergeMembers, sameMembers } from './merge-members.js'

/** What is stored under a session's key. */
interface StoredValue {
  /** Every member of the session but its cookie. */
  readonly members: Readonly<Record<string, unknown>>
  readonly cookie: unknown
  /** The value outlives the session, and the session's end is that of its life. */
  readonly kept?: true
}

/** The end of a session that was touched, apart from its value: touching writes some bytes, whatever the session holds. */
interface StoredLife {
  /** Of the cookie; null: it ends with the browser. */
  readonly expires: string | null
}

/** What a request read, so that its write changes only what the request changed. */
export interface Origin {
  readonly base: Members
  /** Of the value that holds `base` and nothing else; `undefined`: there is more in it. */
  readonly version: number | undefined
}

export interface FoundSession {
  readonly session: Record<string, unknown>
  readonly origin: Origin
}

export interface SessionWrite {
  readonly session: object & { readonly cookie?: unknown }
  readonly ttlMs: number
  /** Absent: whatever is there is replaced. */
  readonly origin: Origin | undefined
}

export interface SessionTouch {
  readonly ttlMs: number
  readonly expires: Date | undefined
  readonly touchAfterMs: number
}

const maxRaces = 50

/** Sessions as two keys of a session store, `value` and `life`. A session is there if its value is, and its life too where the value says so. */
export class StoredSessions {
  readonly #store: SessionStore
  readonly #prefix: string

  constructor(store: SessionStore, prefix: string) {
    this.#store = store
    this.#prefix = prefix
  }

  async read(id: string): Promise<FoundSession | undefined> {
    const [value, life] = await Promise.all([
      this.#store.readEntry<StoredValue>(this.#valueKey(id)),
      this.#store.read<StoredLife>(this.#lifeKey(id)),
    ])
    if (value === undefined) return undefined
    const { members, cookie, kept } = value.value
    if (kept && life === undefined) return undefined
    return {
      session: { ...members, cookie: kept && isObject(cookie) ? { ...cookie, ...life } : cookie },
      origin: { base: membersOf(members), version: value.version },
    }
  }

  /** @returns what the request's next write starts from; `undefined`: the session ended while the request had it, and stays so */
  async write(id: string, { session, ttlMs, origin }: SessionWrite): Promise<Origin | undefined> {
    const key = this.#valueKey(id)
    const { cookie } = JSON.parse(JSON.stringify({ cookie: session.cookie })) as { readonly cookie?: unknown }
    const mine = membersOf(session)
    const valueOf = (members: Members): StoredValue => ({ members: objectOf(members), cookie: cookie ?? null })
    if (origin === undefined) {
      const { version } = await this.#store.write(key, valueOf(mine), { ttlMs })
      return { base: mine, version }
    }
    let members = mine
    let ifVersion = origin.version
    for (let race = 0; race < maxRaces; race += 1) {
      if (ifVersion === undefined) {
        const theirs = await this.#store.readEntry<StoredValue>(key)
        if (theirs === undefined) return undefined
        members = mergeMembers(origin.base, mine, membersOf(theirs.value.members))
        ifVersion = theirs.version
      }
      try {
        const { version } = await this.#store.write(key, valueOf(members), { ttlMs, ifVersion })
        return { base: mine, version: sameMembers(members, mine) ? version : undefined }
      } catch (error) {
        if (!isStale(error)) throw error
        ifVersion = undefined
      }
    }
    throw new HoldfastError('ABORTED', 'The session is written by too many requests at once: try again', {
      reason: 'CONTENTION',
    })
  }

  async touch(id: string, { ttlMs, expires, touchAfterMs }: SessionTouch): Promise<void> {
    const key = this.#valueKey(id)
    const [value, life] = await Promise.all([
      this.#store.readEntry<StoredValue>(key),
      this.#store.readEntry<StoredLife>(this.#lifeKey(id)),
    ])
    if (value === undefined) return
    const { kept, ...rest } = value.value
    if (kept && life === undefined) return
    const end = kept ? life?.expiresAt : value.expiresAt
    if (end !== undefined && Math.abs(Date.now() + ttlMs - end.getTime()) < touchAfterMs) return
    const stored: StoredLife = { expires: expires?.toISOString() ?? null }
    const renewed = await this.#store.write(this.#lifeKey(id), stored, { ttlMs })
    if (kept && renewed.expiresAt !== undefined && value.expiresAt !== undefined) {
      if (renewed.expiresAt <= value.expiresAt) return
    }
    // Once in a lifetime the value is written anew, to be kept for two. The life is there first: a crash in between ends no session.
    try {
      await this.#store.write(key, { ...rest, kept: true }, { ttlMs: 2 * ttlMs, ifVersion: value.version })
    } catch (error) {
      // Whoever was faster has renewed the session, or ended it.
      if (!isStale(error)) throw error
    }
  }

  async remove(id: string): Promise<void> {
    await Promise.all([this.#store.delete(this.#valueKey(id)), this.#store.delete(this.#lifeKey(id))])
  }

  async ids(): Promise<string[]> {
    const start = this.#valueKey('')
    const keys = await this.#store.listKeys(`${start.replaceAll(/[\\*?[\]^-]/g, String.raw`\$&`)}*`)
    return keys.map((key) => key.slice(start.length))
  }

  #valueKey(id: string): string {
    return `${this.#prefix}value:${id}`
  }

  #lifeKey(id: string): string {
    return `${this.#prefix}life:${id}`
  }
}

function objectOf(members: Members): Record<string, unknown> {
  return Object.fromEntries([...members].map(([name, json]) => [name, JSON.parse(json) as unknown]))
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isStale(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'ABORTED' && error.reason === 'STALE_VERSION'
}
