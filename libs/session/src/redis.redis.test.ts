import { describe, it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests, startRedis, whyNoRedis } from '@holdfast/test-servers'
import { describeConversationStore } from './conformance/index.js'

const skip = await whyNoRedis()

if (skip !== undefined) describe('conversations on PostgreSQL and Redis', () => it('is tested', { skip }, () => {}))
else
  describeConversationStore('conversations on PostgreSQL and Redis', async () => {
    const [database, redis] = await Promise.all([postgresForTests(), startRedis()])
    const documents = await openDocumentStore(database.url)
    return {
      documents,
      cache: { redis: redis.url, trustMs: 100 },
      stop: async () => {
        await documents.close()
        await redis.stop()
        await database[Symbol.asyncDispose]()
      },
    }
  })
