import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { TenantStore } from '../document-store.js'
import { faultOf, type Suite, untyped, upTo } from './suite.js'

interface Thing {
  readonly n: number
}

const names = { first: 'conformance-created', second: 'conformance-created-too' }

/** A stream with a document in each of two collections. */
function create(tenant: TenantStore, stream: string, n: number, id: string = stream) {
  return tenant.createTogether({ log: 'conformance-log', stream }, (scope) => [
    scope.collection<Thing>(names.first).insertOne({ n }, { id: stream }),
    scope.collection<Thing>(names.second).insertOne({ n: n + 1000 }, { id }),
  ])
}

async function isAbsent(tenant: TenantStore, stream: string, ...ids: readonly string[]): Promise<void> {
  assert.equal((await tenant.log('conformance-log').head(stream)).exists, false)
  for (const id of ids) {
    assert.equal(await tenant.collection(names.first).get(id), undefined)
    assert.equal(await tenant.collection(names.second).get(id), undefined)
  }
}

export function testCreations(suite: Suite): void {
  describe('a stream and documents created together', () => {
    it('are as they are when each is made alone', async () => {
      const tenant = suite.tenant()
      const made = await create(tenant, 'a \u{1f600}', 1)
      assert.deepEqual(made, [
        await tenant.collection(names.first).get('a \u{1f600}'),
        await tenant.collection(names.second).get('a \u{1f600}'),
      ])
      assert.deepEqual(
        made.map(({ version, data }) => ({ version, data })),
        [
          { version: 1, data: { n: 1 } },
          { version: 1, data: { n: 1001 } },
        ],
      )
      const log = tenant.log<string>('conformance-log')
      assert.deepEqual(await log.append('a \u{1f600}', [{ data: 'x' }], { ifExists: true }).then(([e]) => e?.seq), 1)
    })

    it('are not made when the stream is there, or was removed', async () => {
      const tenant = suite.tenant()
      const log = tenant.log<string>('conformance-log')
      await log.create('there')
      await log.append('gone', [{ data: 'x' }])
      await log.remove('gone')
      assert.equal(await create(tenant, 'there', 1), undefined)
      assert.equal(await create(tenant, 'gone', 1), undefined)
      assert.equal(await tenant.collection(names.first).get('there'), undefined)
      await isAbsent(tenant, 'gone', 'gone')
    })

    it('are not made when an id is taken, and say which', async () => {
      const tenant = suite.tenant()
      await tenant.collection<Thing>(names.second).put('taken', { n: 7 })
      await assert.rejects(create(tenant, 'new', 1, 'taken'), (error) => {
        assert.ok(error instanceof HoldfastError)
        assert.equal(error.code, 'ALREADY_EXISTS')
        assert.match(error.message, /conformance-created-too has a document taken/)
        return true
      })
      await isAbsent(tenant, 'new', 'new')
      assert.deepEqual((await tenant.collection(names.second).get('taken'))?.data, { n: 7 })
    })

    it('take the place of what has expired', async () => {
      const tenant = suite.tenant()
      await tenant.collection<Thing>(names.second).put('brief', { n: 7 }, { ttlMs: 1 })
      while ((await tenant.collection(names.second).get('brief')) !== undefined)
        await new Promise((resolve) => setTimeout(resolve, 2))
      assert.notEqual(await create(tenant, 'brief', 1), undefined)
      assert.deepEqual((await tenant.collection(names.second).get('brief'))?.data, { n: 1001 })
    })

    it('are not made when one of them cannot be stored', async () => {
      const tenant = suite.tenant()
      await assert.rejects(create(tenant, 'new', Number.NaN), faultOf('data.n'))
      await assert.rejects(create(tenant, '', 1), faultOf('stream'))
      await assert.rejects(
        tenant.createTogether({ log: 'conformance-log', stream: 'new' }, () => untyped([])),
        faultOf('make'),
      )
      await isAbsent(tenant, 'new', 'new')
    })

    it('by many at once are made once each', async () => {
      const tenant = suite.tenant()
      const all = await Promise.all(upTo(120).map((n) => create(tenant, `s${n % 40}`, n)))
      const made = all.flatMap((one, n) => (one === undefined ? [] : [n]))
      assert.deepEqual(
        made.map((n) => n % 40).sort((a, b) => a - b),
        upTo(40),
      )
      for (const n of made) {
        assert.deepEqual((await tenant.collection(names.first).get(`s${n % 40}`))?.data, { n })
        assert.deepEqual((await tenant.collection(names.second).get(`s${n % 40}`))?.data, { n: n + 1000 })
      }
    })

    it('fail alone among many at once', async () => {
      const tenant = suite.tenant()
      await tenant.collection<Thing>(names.second).put('s7', { n: 7 })
      const all = await Promise.allSettled(upTo(20).map((n) => create(tenant, `s${n}`, n)))
      assert.deepEqual(
        all.flatMap(({ status }, n) => (status === 'rejected' ? [n] : [])),
        [7],
      )
      await isAbsent(tenant, 's7')
    })

    it('of another tenant are others', async () => {
      const [one, other] = [suite.tenant(), suite.tenant()]
      const made = await Promise.all([create(one, 'same', 1), create(other, 'same', 2)])
      assert.ok(made.every((both) => both !== undefined))
      assert.deepEqual((await one.collection(names.first).get('same'))?.data, { n: 1 })
      assert.deepEqual((await other.collection(names.first).get('same'))?.data, { n: 2 })
    })

    it('are encrypted where the collection is', async () => {
      const tenant = suite.tenant()
      const secret = () => tenant.collection<Thing>('conformance-created-secret', { encrypt: true })
      await secret().get('-')
      const made = await tenant.createTogether({ log: 'conformance-log', stream: 'e' }, (scope) => [
        scope.collection<Thing>(names.first).insertOne({ n: 1 }, { id: 'e' }),
        scope.collection<Thing>('conformance-created-secret', { encrypt: true }).insertOne({ n: 2 }, { id: 'e' }),
      ])
      assert.deepEqual(made?.[1].data, { n: 2 })
      assert.deepEqual((await secret().get('e'))?.data, { n: 2 })
    })

    it('are in the feed of a collection that has one', async () => {
      const tenant = suite.tenant()
      const fed = tenant.collection<Thing>('conformance-created-fed', { feed: true })
      await fed.get('-')
      const made = await tenant.createTogether({ log: 'conformance-log', stream: 'f' }, (scope) => [
        scope.collection<Thing>('conformance-created-fed').insertOne({ n: 1 }, { id: 'f' }),
      ])
      assert.equal(made?.length, 1)
      for await (const event of fed.watch({ from: 'start' })) {
        assert.equal(event.id, 'f')
        break
      }
    })
  })
}
