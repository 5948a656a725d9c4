import { after, describe, it } from 'node:test'
import { startRedis, whyNoRedis } from '@holdfast/test-servers'

const skip = await whyNoRedis()

if (skip !== undefined) describe('the chat service over Redis', () => it('is tested', { skip }, () => {}))
else {
  const redis = await startRedis()
  after(() => redis.stop())
  process.env['HOLDFAST_TEST_REDIS_URL'] = redis.url
  // The same tests once more, with conversations cached.
  await import('./conversations.test.js')
  await import('./replies.test.js')
  await import('./cut-streams.test.js')
}
