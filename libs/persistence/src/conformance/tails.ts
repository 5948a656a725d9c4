import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry, Log } from '../document-store.js'
import { collect, type Suite, upTo } from './suite.js'

export function testTails(suite: Suite): void {
  const open = (): Log<number> => suite.tenant().log<number>('conformance-log')
  const append = (log: Log<number>, stream: string, ...numbers: number[]) =>
    log.append(
      stream,
      numbers.map((data) => ({ data })),
    )

  /** Reads until so many entries came, then lets go. */
  async function take(tail: AsyncIterable<Entry<number>>, count: number): Promise<number[]> {
    const seen: number[] = []
    let last: number | undefined
    for await (const { seq, data } of tail) {
      if (last !== undefined) assert.equal(seq, last + 1)
      last = seq
      if (seen.push(data) === count) break
    }
    return seen
  }

  describe('a tail', () => {
    it('gives what is there, then what comes', async () => {
      const log = open()
      await append(log, 's', 1, 2)
      const tail = log.tail('s')[Symbol.asyncIterator]()
      assert.equal((await tail.next()).value?.data, 1)
      assert.equal((await tail.next()).value?.data, 2)
      const third = tail.next()
      await append(log, 's', 3)
      assert.deepEqual((await third).value?.seq, 3)
      await append(log, 's', 4, 5)
      assert.equal((await tail.next()).value?.data, 4)
      assert.equal((await tail.next()).value?.data, 5)
      await tail.return?.()
    })

    it('goes on after a number, also one that is still to come', async () => {
      const log = open()
      await append(log, 's', 1, 2, 3)
      assert.deepEqual(await take(log.tail('s', { after: 1 }), 2), [2, 3])
      const later = take(log.tail('s', { after: 4 }), 1)
      await append(log, 's', 4, 5)
      assert.deepEqual(await later, [5])
    })

    it('can wait for a stream that is not there yet', async () => {
      const log = open()
      const waiting = take(log.tail('s'), 1)
      await append(log, 's', 1)
      assert.deepEqual(await waiting, [1])
    })

    it('ends quietly when its signal aborts', async () => {
      const log = open()
      await append(log, 's', 1)
      const controller = new AbortController()
      const seen: number[] = []
      for await (const { data } of log.tail('s', { signal: controller.signal })) {
        seen.push(data)
        setImmediate(() => controller.abort())
      }
      assert.deepEqual(seen, [1])
      assert.deepEqual(await collect(log.tail('s', { signal: AbortSignal.abort() })), [])
    })

    it('loses nothing and repeats nothing while many append', async () => {
      const log = open()
      const tails = upTo(5).map((index) => take(log.tail('s', { after: 0 }), 300 - (index % 2)))
      await Promise.all(
        upTo(10).map(async (writer) => {
          for (const n of upTo(30)) await append(log, 's', writer * 30 + n)
        }),
      )
      const written = (await log.read('s')).map(({ data }) => data)
      assert.equal(written.length, 300)
      for (const [index, seen] of (await Promise.all(tails)).entries()) {
        assert.deepEqual(seen, written.slice(0, 300 - (index % 2)))
      }
    })

    it('reads a long history to its end', async () => {
      const log = open()
      await append(log, 's', ...upTo(3_000))
      assert.deepEqual(await take(log.tail('s'), 3_000), upTo(3_000))
    })

    it('begins with the first entry that is kept', async () => {
      const log = open()
      await append(log, 's', 1, 2, 3)
      await log.trim('s', { keepLast: 1 })
      assert.deepEqual(await take(log.tail('s'), 1), [3])
    })

    it('follows a branch through its past', async () => {
      const log = open()
      await append(log, 'main', 1, 2, 3)
      await log.fork('main', 2, 'branch')
      const following = take(log.tail('branch'), 3)
      await append(log, 'main', 4)
      await append(log, 'branch', 30)
      assert.deepEqual(await following, [1, 2, 30])
    })

    it('fails when the stream is removed', async () => {
      const log = open()
      await append(log, 's', 1)
      const tail = log.tail('s')[Symbol.asyncIterator]()
      await tail.next()
      const ended = assert.rejects(tail.next(), { code: 'FAILED_PRECONDITION' })
      await log.remove('s')
      await ended
      await assert.rejects(collect(log.tail('s')), { code: 'FAILED_PRECONDITION' })
    })

    it('sees the entries of a transaction only once they are committed, and all of them', async () => {
      const tenant = suite.tenant()
      const log = tenant.log<number>('conformance-log')
      await append(log, 's', 0)
      const seen = take(log.tail('s', { after: 1 }), 2)
      const failed = tenant.transaction(async (tx) => {
        await append(tx.log<number>('conformance-log'), 's', 100)
        throw new Error('no')
      })
      await assert.rejects(failed, /no/)
      await tenant.transaction(async (tx) => {
        await append(tx.log<number>('conformance-log'), 's', 1)
        await append(tx.log<number>('conformance-log'), 's', 2)
      })
      assert.deepEqual(await seen, [1, 2])
    })
  })
}
