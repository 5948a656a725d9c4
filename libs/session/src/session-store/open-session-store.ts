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
  | { readonly redis: string }
  /** Some nodes of a Redis Cluster, which name the others. */
  | { readonly redisCluster: readonly string[] }
  /** In the memory of this process, for a store that no other process writes to: about how much it may hold, in bytes. */
  | { readonly inProcessBytes: number }

/** @throws INVALID_ARGUMENT naming the option */
export async function openSessionStore(options: SessionStoreOptions): Promise<SessionStore> {
  for (const option of Object.keys(options)) {
    if (!known.has(option)) throw invalidField(option, `is not an option here: known are ${[...known].join(', ')}`)
  }
  const { store, name = 'sessions', trustMs = 500, directReads = 256 } = options
  if (typeof (store as unknown) !== 'object')
    throw invalidField('store', 'must be a document store: openDocumentStore()')
  if (!Number.isFinite(trustMs) || trustMs < 50) throw invalidField('trustMs', 'must be a number from 50')
  if (!Number.isSafeInteger(directReads) || directReads < 1) {
    throw invalidField('directReads', 'must be a positive integer')
  }
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
  const [kind, ...more] = Object.keys(choice)
  if (more.length === 0 && 'redis' in choice) return () => openRedisCache({ prefix, url: choice.redis })
  if (more.length === 0 && 'redisCluster' in choice) {
    const { redisCluster } = choice
    if (!Array.isArray(redisCluster) || redisCluster.length === 0) {
      throw invalidField('cache.redisCluster', 'must be the URLs of at least one node')
    }
    return () => openRedisCache({ prefix, clusterUrls: redisCluster })
  }
  if (more.length === 0 && 'inProcessBytes' in choice) {
    const { inProcessBytes } = choice
    if (!Number.isSafeInteger(inProcessBytes) || inProcessBytes < 1) {
      throw invalidField('cache.inProcessBytes', 'must be a positive integer of bytes')
    }
    return async () => new InProcessCache(inProcessBytes)
  }
  throw invalidField('cache', `must be one of redis, redisCluster, inProcessBytes, not ${kind ?? 'empty'}`)
}

function backendAlone(backend: SessionBackend): SessionAccess {
  return {
    read: (key) => backend.read(key),
    write: (write) => backend.write(write),
    remove: async (key) => (await backend.remove(key)).existed,
  }
}
