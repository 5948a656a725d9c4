import type { ConversationStoreOptions } from '@holdfast/session'

/** The tests of this service run without a cache and, in over-redis.redis.test.ts, with one. */
export function cacheForTests(): Pick<ConversationStoreOptions, 'cache'> {
  const redis = process.env['HOLDFAST_TEST_REDIS_URL']
  return redis === undefined ? {} : { cache: { redis, trustMs: 100 } }
}
