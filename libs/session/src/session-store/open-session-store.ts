import { invalidField } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { EpochTrust } from '../cache/epoch-trust.js'
import { InProcessCache } from '../cache/in-process-cache.js'
import { openRedisCache } from '../cache/redis-cache.js'
import type { SessionCache } from '../cache/session-cache.js'
import { CachedSessions } from './cached-sessions.js'
import { DocumentsBackend } from './documents-backend.js'
import type { SessionBackend } from './session-backend.js'
import type { SessionStore } from './session-store.js'
import { type SessionAccess, Sessions } from './sessions.js'

export interface SessionStoreOptions {
  /** Where the sessions are durable, unless there is a `backend`, and what the processes that share a cache know of it. It is not closed
   *  with the session store. */
  readonly store: DocumentStore
  /** Where the sessions are durable instead. It is closed with the session store. */
  readonly backend?: SessionBackend
  /** Default: none. A cache that is away is no failure: the database answers meanwhile. */
  readonly cache?: SessionCacheChoice
  /** Of the collection and of the cache's keys, so that several session stores can stand beside each other; default `sessions`. */
  readonly name?: string
  /** How long a process uses what it knows of the cache without asking the database again, in milliseconds, from 50; default 500. The first
   *  write after the cache was lost takes this much longer. The same in all processes. */
  readonly trustMs?: number
  /** How many reads of this process may be under way in the database while the cache is away; default 256. More wait. */
  readonly directReads?: number
}

export type SessionCacheChoice =
  /** `redis://…` */
  | { readonly redis: string; readonly near?: NearOptions }
  /** Some nodes of a Redis Cluster, which name the others. */
  | { readonly redisCluster: readonly string[] }
  /** In the memory of this process, for a store that no other process writes to: about how much it may hold, in bytes. */
  | { readonly inProcessBytes: number }

/** A near cache: what was read from Redis is kept in this process too, until Redis says that it has changed (client-side tracking, RESP3).
 *  A read may then be up to `maxAgeMs` behind writes of other processes; those of this process it sees at once, and no key goes back. */
export interface NearOptions {
  /** About how much it may hold, in bytes. */
  readonly maxBytes: number
  /** In milliseconds; default 1,000. */
  readonly maxAgeMs?: number
}

/** @throws INVALID_ARGUMENT naming the option */
export async function openSessionStore(options: SessionStoreOptions): Promise<SessionStore> {
  for (const option of Object.keys(options)) {
    if (!known.has(option)) throw invalidField(option, `is not an option here: known are ${[...known].join(', ')}`)
  }
  const { store, name = 'sessions', trustMs = 500, directReads = 256 } = options
  if (typeof (store as unknown) !== 'object')
    throw invalidField('store', 'must be a document store: openDocumentStore()')
  if (!Number.isFinite(trustMs) || trustMs < 50) throw invalidField('trustMs', 'must be a number from 50')
  positive('directReads', directReads)
  const openCache = cacheOpener(options.cache, name)
  const backend = options.backend ?? new DocumentsBackend(store, name)
  if (openCache === undefined) return new Sessions(backend, backendAlone(backend))
  const cache = await openCache()
  const trust = new EpochTrust(store, cache, `${name}-cache`, { trustMs })
  const cached = new CachedSessions(backend, cache, trust, directReads)
  await trust.soon()
  return new Sessions(backend, cached, { cache, trust })
}

const known: ReadonlySet<string> = new Set(['store', 'backend', 'cache', 'name', 'trustMs', 'directReads'])

function cacheOpener(choice: SessionCacheChoice | undefined, name: string): (() => Promise<SessionCache>) | undefined {
  if (choice === undefined) return undefined
  const prefix = `holdfast:${name}`
  if ('redis' in choice) {
    checkNames(choice, ['redis', 'near'])
    const near = choice.near === undefined ? {} : { near: nearOf(choice.near) }
    return () => openRedisCache({ prefix, url: choice.redis, ...near })
  }
  if ('redisCluster' in choice) {
    checkNames(choice, ['redisCluster'])
    const { redisCluster } = choice
    if (!Array.isArray(redisCluster) || redisCluster.length === 0) {
      throw invalidField('cache.redisCluster', 'must be the URLs of at least one node')
    }
    return () => openRedisCache({ prefix, clusterUrls: redisCluster })
  }
  checkNames(choice, ['inProcessBytes'])
  const inProcessBytes = positive('cache.inProcessBytes', choice.inProcessBytes)
  return async () => new InProcessCache(inProcessBytes)
}

function nearOf({ maxBytes, maxAgeMs = 1_000 }: NearOptions): Required<NearOptions> {
  return { maxBytes: positive('cache.near.maxBytes', maxBytes), maxAgeMs: positive('cache.near.maxAgeMs', maxAgeMs) }
}

function checkNames(choice: object, names: readonly string[]): void {
  for (const name of Object.keys(choice)) {
    if (!names.includes(name)) throw invalidField(`cache.${name}`, `is not an option beside ${names.join(', ')}`)
  }
}

function positive(field: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number
  throw invalidField(field, 'must be a positive integer')
}

function backendAlone(backend: SessionBackend): SessionAccess {
  return {
    read: (key) => backend.read(key),
    write: (write) => backend.write(write),
    remove: async (key) => (await backend.remove(key)).existed,
  }
}
