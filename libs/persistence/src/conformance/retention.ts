import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { past } from './row-life.js'
import { faultOf, type Suite, untyped, upTo } from './suite.js'

export function testRetention(suite: Suite): void {
  describe('a log with a retention', () => {
    it('keeps the newest entries of each stream, and the numbering', async () => {
      const tenant = suite.tenant()
      const log = tenant.log<number>('conformance-kept', { retain: { keepLast: 3 } })
      for (const stream of ['a', 'b'])
        await log.append(
          stream,
          upTo(10).map((data) => ({ data })),
        )
      await log.append('c', [{ data: 1 }])
      await suite.store.sweep()
      assert.deepEqual(
        (await log.read('a')).map(({ seq }) => seq),
        [8, 9, 10],
      )
      assert.deepEqual(
        (await log.read('b')).map(({ data }) => data),
        [7, 8, 9],
      )
      assert.deepEqual(
        (await log.read('c')).map(({ seq }) => seq),
        [1],
      )
      assert.equal((await log.append('a', [{ data: 10 }]))[0]?.seq, 11)
    })

    it('keeps the entries that are not too old', async () => {
      const log = suite.tenant().log<number>('conformance-young', { retain: { olderThanMs: 300 } })
      const [old] = await log.append(
        'a',
        upTo(5).map((data) => ({ data })),
      )
      await log.append('b', [{ data: 1 }])
      await past(suite.store, new Date((old?.at.getTime() ?? 0) + 350))
      await log.append('b', [{ data: 2 }])
      await suite.store.sweep()
      assert.deepEqual(await log.read('a'), [])
      const left = (await log.read('b')).map(({ data }) => data)
      assert.ok(!left.includes(1), JSON.stringify(left))
      assert.deepEqual((await log.head('a')).next, 6)
    })

    it('cannot be declared in just any way', () => {
      const declare = (retain: unknown) => suite.tenant().log('conformance-kept2', { retain: untyped(retain) })
      assert.throws(() => declare({}), faultOf('retain'))
      assert.throws(() => declare(5), faultOf('retain'))
      assert.throws(() => declare({ keepLast: -1 }), faultOf('retain.keepLast'))
      assert.throws(() => declare({ olderThanMs: 'x' }), faultOf('retain.olderThanMs'))
      assert.throws(() => declare({ newest: 1 }), faultOf('newest'))
    })
  })
}
