import { randomBytes } from 'node:crypto'
import type { DocumentStore, TenantStore } from '@holdfast/persistence'
import { invalidField } from '@holdfast/errors'
import { EpochTrust } from '../cache/epoch-trust.js'
import { connectRedis } from '../cache/redis-connection.js'
import type { ConversationCache } from '../conversation-store.js'
import { isCode } from '../failures.js'
import type { Shapes } from '../shapes.js'
import { checkInteger, checkText } from '../validation.js'
import { CachedHistories } from './cached-histories.js'
import { HistoryCache } from './history-cache.js'
import { type Histories, StoredHistories } from './histories.js'

const kibibyte = 1024

/** @param documents where the row of the fleet is, which all tenants share */
export async function openHistories(
  documents: DocumentStore,
  scope: { readonly store: TenantStore; readonly shapes: Shapes },
  options: ConversationCache | undefined,
): Promise<Histories> {
  if (options === undefined) return new StoredHistories(scope)
  const { redis, redisCluster } = options
  if ((redis === undefined) === (redisCluster === undefined)) {
    throw invalidField('cache', 'must name either redis or redisCluster')
  }
  if (redis !== undefined) checkText(redis, 'cache.redis', { max: 2048 })
  const limits = {
    messages: checkInteger(options.messages ?? 50, 'cache.messages', 1, 1000),
    bytes: checkInteger(options.bytes ?? 256 * kibibyte, 'cache.bytes', kibibyte, 64 * kibibyte * kibibyte),
  }
  const trustMs = checkInteger(options.trustMs ?? 500, 'cache.trustMs', 50, 60_000)
  const name = 'conversations-cache'
  const database = await identityOf(documents, name)
  const connection = await connectRedis(redis === undefined ? { clusterUrls: redisCluster ?? [] } : { url: redis })
  const trust = new EpochTrust(documents, connection, name, { trustMs })
  // Entries without the 2 were filled without a hold.
  const cache = new HistoryCache(connection, `holdfast:conversations:2:${database}:${scope.store.tenantId}`, limits)
  await trust.soon()
  return new CachedHistories(scope, cache, trust, () => connection.close())
}

/** Tells this database from others whose conversations are cached on the same server. */
async function identityOf(documents: DocumentStore, name: string): Promise<string> {
  const rows = documents.collection<{ readonly database: string }>(name)
  for (;;) {
    const known = await rows.get('database')
    if (known !== undefined) return known.data.database
    try {
      await rows.insertOne({ database: randomBytes(9).toString('base64url') }, { id: 'database' })
    } catch (error) {
      if (!isCode(error, 'ALREADY_EXISTS')) throw error
    }
  }
}
