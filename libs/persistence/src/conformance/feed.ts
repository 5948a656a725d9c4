import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { Collection, TenantStore } from '../document-store.js'
import type { FeedEvent } from '../feed/change-feed.js'
import { collect, faultOf, type Suite, untyped, upTo } from './suite.js'

export const fedCollection = 'conformance-fed'

type Numbered = { readonly n: number }

export const fed = (tenant: Pick<TenantStore, 'collection'>): Collection<Numbered> =>
  tenant.collection<Numbered>(fedCollection, { feed: true })

/** Reads until so many events came, then lets go. */
export async function take<T>(events: AsyncIterable<FeedEvent<T>>, count: number): Promise<FeedEvent<T>[]> {
  const seen: FeedEvent<T>[] = []
  if (count === 0) return seen
  for await (const event of events) if (seen.push(event) === count) break
  return seen
}

/** The versions of the documents that are there, by id, as the events tell it. */
export function rebuilt(events: readonly FeedEvent<unknown>[]): Map<string, number> {
  const versions = new Map<string, number>()
  for (const { op, id, version } of events) {
    if (op === 'delete') versions.delete(id)
    else versions.set(id, version)
  }
  return new Map([...versions].sort(([a], [b]) => (a < b ? -1 : 1)))
}

export async function versionsOf(collection: Collection<unknown>): Promise<Map<string, number>> {
  return new Map((await collect(collection.find())).map(({ id, version }) => [id, version]))
}

export function shape({ op, id, version }: FeedEvent<unknown>): string {
  return `${op} ${id} ${version}`
}

/** All that is in the feed now. Nobody may write meanwhile. */
export async function history<T>(collection: Collection<T>): Promise<FeedEvent<T>[]> {
  const end = await collection.feedPosition()
  const seen: FeedEvent<T>[] = []
  // Where a feed stands that had no change yet.
  if (end.startsWith('0.')) return seen
  for await (const event of collection.watch({ from: 'start' })) {
    seen.push(event)
    if (event.position === end) break
  }
  return seen
}

export function testFeed(suite: Suite): void {
  const open = (): Collection<Numbered> => fed(suite.tenant())

  describe('a change feed', () => {
    it('tells every kind of write, with version and document, in the order of the commits', async () => {
      const docs = open()
      await docs.insertOne({ n: 1 }, { id: 'a' })
      await docs.put('a', { n: 2 })
      await docs.put('b', { n: 1 }, { ifVersion: 0 })
      await docs.put('b', { n: 2 }, { ifVersion: 1 })
      await docs.updateOne('a', { $inc: { n: 1 } })
      await docs.updateOne('c', { $inc: { n: 7 } }, { upsert: true })
      await docs.insertMany([{ id: 'd', data: { n: 1 } }])
      await docs.updateMany({ n: 7 }, { $set: { n: 8 } })
      await docs.deleteOne('a')
      await docs.deleteMany({ n: 2 })
      const events = await history(docs)
      assert.deepEqual(events.map(shape), [
        'write a 1',
        'write a 2',
        'write b 1',
        'write b 2',
        'write a 3',
        'write c 1',
        'write d 1',
        'write c 2',
        'delete a 3',
        'delete b 2',
      ])
      assert.deepEqual(events[7]?.document?.data, { n: 8 })
      assert.equal(events[0]?.document, undefined)
      assert.ok(Math.abs((events[0]?.at.getTime() ?? 0) - (await suite.store.now()).getTime()) < 60_000)
    })

    it('tells of claims, soft deletes, restores, loads and expiry', { timeout: 60_000 }, async () => {
      const tenant = suite.tenant()
      const docs = tenant.collection<Numbered>('conformance-fed-life', {
        feed: true,
        softDelete: true,
        ttlMs: 3_600_000,
      })
      await docs.put('a', { n: 1 })
      const claimed = await docs.claim({ n: 1 }, { set: { n: 2 } })
      assert.equal(claimed?.id, 'a')
      await docs.deleteOne('a')
      await docs.restore('a')
      await docs.load([{ id: 'b', data: { n: 1 } }])
      await docs.bulk([{ put: { id: 'c', data: { n: 1 } } }, { delete: { filter: 'b' } }])
      await docs.put('brief', { n: 1 }, { ttlMs: 1 })
      const events = docs.watch({ from: 'start' })[Symbol.asyncIterator]()
      const seen: string[] = []
      for (let last = ''; !last.startsWith('delete brief');) {
        await suite.store.sweep()
        const { value } = await events.next()
        last = shape(value ?? assert.fail())
        seen.push(last)
        if (last.startsWith('write brief')) await new Promise((resolve) => setTimeout(resolve, 10))
      }
      await events.return?.()
      const kinds = seen.map((line) => line.split(' ').slice(0, 2).join(' '))
      assert.deepEqual(kinds.slice(0, 5), ['write a', 'write a', 'delete a', 'write a', 'write b'])
      assert.deepEqual(kinds.slice(5, 7).sort(), ['delete b', 'write c'])
      assert.deepEqual(kinds.slice(7), ['write brief', 'delete brief'])
    })

    it('says nothing of writes that did not happen', async () => {
      const docs = open()
      await docs.put('a', { n: 1 })
      await assert.rejects(docs.insertOne({ n: 2 }, { id: 'a' }), { code: 'ALREADY_EXISTS' })
      await assert.rejects(docs.put('a', { n: 2 }, { ifVersion: 7 }), { code: 'ABORTED' })
      assert.equal(await docs.deleteOne('nobody'), false)
      await docs.updateOne('a', { $set: { n: 1 } })
      await docs.updateOne('nobody', { $set: { n: 1 } })
      assert.deepEqual((await history(docs)).map(shape), ['write a 1'])
    })

    it('goes on behind a position, from the start, or with what comes', async () => {
      const docs = open()
      for (const n of upTo(5)) await docs.put(`d${n}`, { n })
      const first = await take(docs.watch({ from: 'start' }), 2)
      assert.deepEqual(first.map(shape), ['write d0 1', 'write d1 1'])
      const after = first[1]?.position ?? ''
      assert.deepEqual((await take(docs.watch({ after }), 3)).map(shape), ['write d2 1', 'write d3 1', 'write d4 1'])
      const position = await docs.feedPosition()
      const next = take(docs.watch({ after: position }), 1)
      await docs.put('d5', { n: 5 })
      assert.deepEqual((await next).map(shape), ['write d5 1'])
    })

    it('wakes whoever waits', async () => {
      const docs = open()
      await docs.put('first', { n: 0 })
      const events = docs.watch({ from: 'start' })[Symbol.asyncIterator]()
      await events.next()
      for (const n of upTo(5)) {
        const next = events.next()
        await docs.put('a', { n })
        assert.equal((await next).value?.document?.data.n, n)
      }
      await events.return?.()
    })

    it('has the changes of a transaction together, in their order, and none of one that failed', async () => {
      const tenant = suite.tenant()
      const docs = fed(tenant)
      await docs.put('a', { n: 0 })
      await tenant.transaction(async (tx) => {
        await fed(tx).put('z', { n: 1 })
        await fed(tx).put('a', { n: 1 })
        await fed(tx).deleteOne('z')
        await fed(tx).insertMany([
          { id: 'm', data: { n: 1 } },
          { id: 'l', data: { n: 1 } },
        ])
      })
      await assert.rejects(
        tenant.transaction(async (tx) => {
          await fed(tx).put('b', { n: 1 })
          throw new Error('no')
        }),
        /no/,
      )
      await docs.put('c', { n: 1 })
      const events = (await history(docs)).map(shape)
      assert.deepEqual(events.slice(0, 4), ['write a 1', 'write z 1', 'write a 2', 'delete z 1'])
      assert.deepEqual(events.slice(4, 6).sort(), ['write l 1', 'write m 1'])
      assert.deepEqual(events.slice(6), ['write c 1'])
    })

    it('has a write that a transaction’s work did not wait for', async () => {
      const tenant = suite.tenant()
      const docs = fed(tenant)
      await docs.put('a', { n: 0 })
      const stray: Promise<unknown>[] = []
      await tenant.transaction(async (tx) => {
        stray.push(
          fed(tx)
            .put('b', { n: 1 })
            .catch(() => undefined),
        )
        await fed(tx).put('a', { n: 1 })
      })
      await Promise.all(stray)
      assert.deepEqual(rebuilt(await history(docs)), await versionsOf(docs))
    })

    it('loses nothing and repeats nothing beside 32 writers, through reconnects', async () => {
      const tenant = suite.tenant()
      const docs = fed(tenant)
      const seen: FeedEvent<Numbered>[] = []
      const written = { done: false }
      const stop = new AbortController()
      const watching = (async () => {
        let position: string | undefined
        while (!stop.signal.aborted) {
          const start = position === undefined ? { from: 'start' as const } : { after: position }
          let left = 1 + (seen.length % 37)
          for await (const event of docs.watch({ ...start, signal: stop.signal })) {
            seen.push(event)
            position = event.position
            if (written.done && event.id === 'end') stop.abort()
            if ((left -= 1) === 0) break
          }
        }
      })()
      await Promise.all(
        upTo(32).map(async (writer) => {
          for (const n of upTo(8)) {
            const id = `d${(writer * 7 + n * 3) % 11}`
            if (n % 4 === 0) {
              const work = tenant.transaction(
                async (tx) => {
                  await fed(tx).put(id, { n })
                  await fed(tx).put(`${id}x`, { n })
                  if (writer % 5 === 0) throw new Error('rolled back')
                },
                { maxAttempts: 1_000, timeoutMs: 60_000 },
              )
              if (writer % 5 === 0) await assert.rejects(work, /rolled back/)
              else await work
            } else if (n % 4 === 1) await docs.deleteOne(id)
            else if (n % 4 === 2) await docs.updateOne(id, { $inc: { n: 1 } }, { upsert: true })
            else await docs.put(id, { n })
          }
        }),
      )
      written.done = true
      await docs.put('end', { n: 0 })
      await watching
      const all = await history(docs)
      assert.deepEqual(
        seen.map(({ position }) => position),
        all.map(({ position }) => position),
      )
      assert.equal(new Set(all.map(({ position }) => position)).size, all.length)
      assert.deepEqual(rebuilt(seen), await versionsOf(docs))
      assertVersionsGrow(seen)
    })

    it('is its tenant’s alone', async () => {
      const [a, b] = [open(), open()]
      await a.put('x', { n: 1 })
      await b.put('y', { n: 1 })
      assert.deepEqual((await history(a)).map(shape), ['write x 1'])
      const position = await a.feedPosition()
      assert.throws(() => b.watch({ after: position }), faultOf('after'))
    })

    it('ends quietly when its signal aborts', async () => {
      const docs = open()
      const stop = new AbortController()
      const watching = collect(docs.watch({ signal: stop.signal }))
      await docs.put('a', { n: 1 })
      stop.abort()
      assert.ok((await watching).length <= 1)
      assert.deepEqual(await collect(docs.watch({ from: 'start', signal: AbortSignal.abort() })), [])
    })

    it('refuses what it cannot do', async () => {
      const tenant = suite.tenant()
      await assert.rejects(collect(tenant.collection('conformance-docs').watch()), {
        code: 'FAILED_PRECONDITION',
        reason: 'FEED_OFF',
      })
      await assert.rejects(
        tenant.transaction(async (tx) => void (await collect(fed(tx).watch()))),
        { code: 'FAILED_PRECONDITION' },
      )
      const docs = open()
      for (const after of ['', '1', 'nonsense', 7]) {
        assert.throws(() => docs.watch({ after: untyped(after) }), faultOf('after'))
      }
      assert.throws(() => docs.watch(untyped({ since: 1 })), faultOf('since'))
      assert.throws(() => docs.watch({ from: untyped('end') }), faultOf('from'))
      assert.throws(() => suite.tenant().collection('x', { feed: untyped(1) }), faultOf('feed'))
      assert.throws(() => suite.tenant().collection('x', { feed: { retainMs: 1 } }), faultOf('feed.retainMs'))
    })

    it('refuses a position that the feed does not reach', async () => {
      const docs = open()
      await docs.put('a', { n: 1 })
      const [, mark = ''] = (await docs.feedPosition()).split('.')
      await assert.rejects(collect(docs.watch({ after: `zzzzzz.${mark}` })), {
        code: 'OUT_OF_RANGE',
        reason: 'FEED_AHEAD',
      })
    })

    it('is trimmed after its retention, and then says so', { timeout: 60_000 }, async () => {
      const docs = suite.tenant().collection<Numbered>('conformance-trimmed', { feed: { retainMs: 1_000 } })
      const handled: string[] = []
      const consume = () => docs.consumer('slow', (events) => void handled.push(...events.map(shape)))
      const consumer = consume()
      while (!consumer.active) await new Promise((resolve) => setTimeout(resolve, 5))
      await docs.put('a', { n: 1 })
      const position = await docs.feedPosition()
      while (handled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      await consumer.stop()
      await docs.put('a', { n: 2 })
      const isTrimmed = async () => {
        const [outcome] = await Promise.allSettled([take(docs.watch({ after: position }), 1)])
        if (outcome.status === 'fulfilled') return false
        assert.ok(outcome.reason instanceof HoldfastError)
        assert.deepEqual([outcome.reason.code, outcome.reason.reason], ['OUT_OF_RANGE', 'FEED_TRIMMED'])
        return true
      }
      while (!(await isTrimmed())) await new Promise((resolve) => setTimeout(resolve, 100))
      await assert.rejects(consume().done, { code: 'OUT_OF_RANGE', reason: 'FEED_TRIMMED' })
      assert.deepEqual(handled, ['write a 1'])
      const next = take(docs.watch({ from: 'start' }), 1)
      await docs.put('a', { n: 3 })
      assert.deepEqual((await next).map(shape), ['write a 3'])
      const rest = take(docs.watch({ after: (await next)[0]?.position ?? '' }), 1)
      await docs.put('a', { n: 4 })
      assert.deepEqual((await rest).map(shape), ['write a 4'])
    })
  })
}

/** Within the life of a document. */
export function assertVersionsGrow(events: readonly FeedEvent<unknown>[]): void {
  const versions = new Map<string, number>()
  for (const { op, id, version } of events) {
    const before = versions.get(id) ?? 0
    if (op === 'write') assert.ok(version > before, `${id} at ${version} after ${before}`)
    else assert.equal(version, before)
    if (op === 'write') versions.set(id, version)
    else versions.delete(id)
  }
}
