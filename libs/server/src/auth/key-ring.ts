import { asHoldfastError, HoldfastError } from '@holdfast/errors'
import type { Caller } from '../caller.js'
import { type AccessKeys, isInScope, type KeyRecord } from './access-keys.js'
import { isApiKey, isSecretOf, parseApiKey, type ParsedKey } from './api-key.js'
import {
  type CredentialKind,
  type Identity,
  expiredCredential,
  invalidCredential,
  revokedCredential,
} from './authenticator.js'

export interface KeyRingOptions {
  /** For how long after a look at the revision what is remembered may be believed, in milliseconds; default 500. A key that was revoked is refused
   *  by every process after that. */
  readonly trustMs?: number
  /** Keys that are remembered; default 10,000. */
  readonly capacity?: number
}

const maxUnknown = 1_000

interface Known {
  readonly record: KeyRecord
  readonly hash: Buffer
  readonly identity: Identity
}

/** Tells whose an API key is, from memory while the revision of all keys stays as it was. Idle processes ask nothing; busy ones read one row twice
 *  in `trustMs`. */
export class KeyRing implements CredentialKind {
  readonly #keys: AccessKeys
  readonly #trustMs: number
  readonly #capacity: number
  /** The least recently used first. */
  readonly #known = new Map<string, Known>()
  /** Ids that no key has; few are kept, so that guesses drive no key out. */
  readonly #unknown = new Set<string>()
  #revision: number | undefined
  /** Counts what was forgotten, so that an answer that was on its way is not remembered. */
  #generation = 0
  /** By the monotonic clock: a look that began then found `#revision`. */
  #lookedAt = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined

  constructor(keys: AccessKeys, { trustMs = 500, capacity = 10_000 }: KeyRingOptions = {}) {
    this.#keys = keys
    this.#trustMs = trustMs
    this.#capacity = capacity
  }

  recognizes(token: string): boolean {
    return isApiKey(token)
  }

  authenticate(token: string): Identity | Promise<Identity> {
    const key = parseApiKey(token)
    if (key === undefined) throw invalidCredential()
    const age = performance.now() - this.#lookedAt
    const known = this.#known.get(key.id)
    if (age >= this.#trustMs || known === undefined) return this.#ask(key)
    // Before it runs out, so that a busy server never waits for it.
    if (age >= this.#trustMs / 2) this.#look().catch(() => {})
    return verified(known, key)
  }

  async #ask(key: ParsedKey): Promise<Identity> {
    return verified(await this.#find(key.id), key)
  }

  async #find(id: string): Promise<Known | undefined> {
    try {
      for (;;) {
        if (performance.now() - this.#lookedAt >= this.#trustMs) await this.#look()
        const known = this.#known.get(id)
        if (known !== undefined) return this.#remember(id, known)
        if (this.#unknown.has(id)) return undefined
        const generation = this.#generation
        const document = await this.#keys.record(id)
        if (generation !== this.#generation) continue
        if (document !== undefined) return this.#remember(id, this.#knownAs(id, document.data))
        keepSome(this.#unknown.add(id), maxUnknown)
        return undefined
      }
    } catch (error) {
      throw unknowable(error)
    }
  }

  #remember(id: string, known: Known): Known {
    this.#known.delete(id)
    this.#known.set(id, known)
    keepSome(this.#known, this.#capacity)
    return known
  }

  #knownAs(id: string, record: KeyRecord): Known {
    const { tenant, role, methods, expiresAt = Number.POSITIVE_INFINITY, hash } = record
    const caller: Caller = Object.freeze({ tenant, role, credential: id })
    return {
      record,
      hash: Buffer.from(hash, 'base64url'),
      identity: {
        caller,
        expiresAt,
        reaches: (method) => isInScope(methods, method),
        stillStands: async () => void standing(await this.#find(id)),
      },
    }
  }

  /** One look at a time. */
  #look(): Promise<void> {
    this.#looking ??= (async () => {
      const startedAt = performance.now()
      try {
        const revision = await this.#keys.revision()
        if (revision !== this.#revision) {
          this.#known.clear()
          this.#unknown.clear()
          this.#generation += 1
          this.#revision = revision
        }
        this.#lookedAt = startedAt
      } finally {
        this.#looking = undefined
      }
    })()
    return this.#looking
  }
}

function keepSome(entries: Map<string, unknown> | Set<string>, most: number): void {
  const [oldest] = entries.keys()
  if (entries.size > most && oldest !== undefined) entries.delete(oldest)
}

/** Only who has the secret is told more than that it is not valid. */
function verified(known: Known | undefined, { secret }: ParsedKey): Identity {
  if (known === undefined || !isSecretOf(secret, known.hash)) throw invalidCredential()
  return standing(known).identity
}

function standing(known: Known | undefined): Known {
  if (known === undefined) throw invalidCredential()
  const { revokedAt, expiresAt } = known.record
  if (revokedAt !== undefined) throw revokedCredential()
  if (expiresAt !== undefined && Date.now() >= expiresAt) throw expiredCredential()
  return known
}

/** A database that is away says nothing about a key. */
function unknowable(error: unknown): HoldfastError {
  const { code, message } = asHoldfastError(error, 'Looking up the key')
  return new HoldfastError('UNAVAILABLE', `The credential could not be looked up (${code}): try again`, {
    cause: new Error(message, { cause: error }),
    reason: 'CREDENTIAL_UNKNOWABLE',
    retryAfterMs: 1000,
  })
}
