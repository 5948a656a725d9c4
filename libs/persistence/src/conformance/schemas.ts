import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { SchemaResult, StandardIssue, StandardSchema } from '../schema/standard-schema.js'
import { collect, faultOf, type Json, type Suite, upTo } from './suite.js'

interface Order {
  readonly customer: string
  readonly state: string
  readonly items: readonly { readonly price: number }[]
}

/** A schema by hand, asynchronous on request: `state` defaults to `new`, unknown members go, prices are numbers. */
function orderSchema(wait = false): StandardSchema<Order> {
  const check = (value: unknown): SchemaResult<Order> => {
    const issues: StandardIssue[] = []
    const { customer, state = 'new', items = [] } = (value ?? {}) as Partial<Order>
    if (typeof customer !== 'string') issues.push({ message: 'must be a string', path: ['customer'] })
    for (const [index, { price }] of items.entries()) {
      if (typeof price === 'number') continue
      issues.push({ message: 'must be a number', path: [{ key: 'items' }, index, { key: 'price' }] })
    }
    return issues.length > 0 ? { issues } : { value: { customer: String(customer), state, items } }
  }
  const validate = wait
    ? async (value: unknown) => {
        await new Promise((resolve) => setTimeout(resolve, 1))
        return check(value)
      }
    : check
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

const upcast = {
  1: ({ name, ...rest }: Json) => {
    const [first, last] = String(name).split(' ')
    return { ...rest, first, last }
  },
  2: ({ first, last, ...rest }: Json) => ({ ...rest, name: { first, last } }),
}

let names = 0
const freshName = () => `conformance-s${Date.now().toString(36)}${(names += 1)}`

export function testSchemas(suite: Suite): void {
  describe('a collection with a schema', () => {
    for (const wait of [false, true]) {
      const orders = () =>
        suite
          .tenant()
          .collection(wait ? 'conformance-orders-async' : 'conformance-orders', { schema: orderSchema(wait) })
      const how = wait ? 'an asynchronous schema' : 'a schema'

      it(`stores and returns what ${how} makes of the data`, async () => {
        const docs = orders()
        const given = { customer: 'Ada', items: [], note: 'gone' } as never
        const expected = { customer: 'Ada', state: 'new', items: [] }
        assert.deepEqual((await docs.insertOne(given, { id: 'a' })).data, expected)
        assert.deepEqual((await docs.put('b', given)).data, expected)
        assert.deepEqual((await docs.insertMany([{ id: 'c', data: given }]))[0]?.data, expected)
        for (const id of ['a', 'b', 'c']) assert.deepEqual((await docs.get(id))?.data, expected)
      })

      it(`names the path at fault for every way to write with ${how}, and writes nothing`, async () => {
        const docs = orders()
        await docs.put('x', { customer: 'Ada', state: 'new', items: [{ price: 1 }] })
        const wrong = { customer: 'Ada', items: [{ price: 1 }, { price: 2 }, { price: '3' }] } as never
        await assert.rejects(docs.insertOne(wrong), faultOf('data.items[2].price'))
        await assert.rejects(docs.put('x', wrong), faultOf('data.items[2].price'))
        await assert.rejects(
          docs.insertMany([{ data: { customer: 'a', state: '', items: [] } }, { data: wrong }]),
          faultOf('items[1].data.items[2].price'),
        )
        await assert.rejects(docs.updateOne('x', { $push: { items: { price: '4' } } }), faultOf('data.items[1].price'))
        await assert.rejects(docs.updateMany({}, { $set: { customer: 5 } }), faultOf('data.customer'))
        assert.equal(await docs.count(), 1)
        assert.equal((await docs.get('x'))?.version, 1)
      })

      it(`checks what an upsert makes with ${how}, and returns it with defaults`, async () => {
        const docs = orders()
        const made = await docs.updateOne('x', { $set: { customer: 'Ada' } }, { upsert: true })
        assert.deepEqual(made?.data, { customer: 'Ada', state: 'new', items: [] })
        assert.deepEqual((await docs.get('x'))?.data, made?.data)
      })
    }

    it('loses no concurrent update of a document', async () => {
      const docs = suite.tenant().collection('conformance-orders', { schema: orderSchema() })
      await docs.put('x', { customer: 'Ada', state: 'new', items: [] })
      await Promise.all(upTo(20).map((price) => docs.updateOne('x', { $push: { items: { price } } })))
      const document = await docs.get('x')
      assert.equal(document?.version, 21)
      assert.deepEqual(
        document?.data.items.map(({ price }) => price).sort((a, b) => a - b),
        upTo(20),
      )
    })

    it('holds for those who open it without the schema, also in a transaction', async () => {
      const tenant = suite.tenant()
      tenant.collection('conformance-orders', { schema: orderSchema() })
      await assert.rejects(tenant.collection('conformance-orders').put('x', {}), faultOf('data.customer'))
      await assert.rejects(
        tenant.transaction((tx) => tx.collection('conformance-orders').put('x', {})),
        faultOf('data.customer'),
      )
    })

    it('lists all faults, and says how many there are', async () => {
      const docs = suite.tenant().collection<unknown>('conformance-orders', { schema: orderSchema() })
      await assert.rejects(docs.put('x', { items: [{ price: '' }] }), (error: HoldfastError) => {
        assert.equal(error.reason, 'SCHEMA_MISMATCH')
        assert.deepEqual(
          error.fields.map(({ field }) => field),
          ['data.customer', 'data.items[0].price'],
        )
        assert.match(error.message, /^data\.customer does not fit the schema: must be a string \(and 1 more\)/)
        return true
      })
    })

    it('refuses what is no Standard Schema', () => {
      for (const schema of [{}, null, 5, { '~standard': { version: 2 } }] as never[]) {
        assert.throws(() => suite.tenant().collection('conformance-docs', { schema }), faultOf('schema'))
      }
    })
  })

  describe('checkSchema', () => {
    it('says what a new schema would reject, where and why, and changes nothing', async () => {
      const docs = suite.tenant().collection<Json>('conformance-docs')
      await docs.insertMany(
        upTo(450).map((n) => ({
          id: `d${String(n).padStart(3, '0')}`,
          data: n % 10 === 0 ? { items: [{ price: 'free' }, { price: 'free' }] } : { customer: `c${n}` },
        })),
      )
      const check = await docs.checkSchema(orderSchema(), { examples: 2 })
      assert.deepEqual([check.checked, check.accepted, check.rejected], [450, 405, 45])
      assert.deepEqual(check.paths, { 'data.customer': 45, 'data.items[].price': 45 })
      assert.deepEqual(
        check.examples.map(({ id, fields }) => [id, fields.map(({ field }) => field)]),
        [
          ['d000', ['data.customer', 'data.items[0].price', 'data.items[1].price']],
          ['d010', ['data.customer', 'data.items[0].price', 'data.items[1].price']],
        ],
      )
      const sample = await docs.checkSchema(orderSchema(true), { sample: 205 })
      assert.deepEqual([sample.checked, sample.rejected], [205, 21])
      assert.equal((await docs.get('d000'))?.version, 1)
    })
  })

  describe('a collection with upcast', () => {
    /** Documents of version 1, stored before there was any upcast. */
    async function withOld(count: number) {
      const tenant = suite.tenant()
      const name = freshName()
      const before = suite.store.tenant(tenant.tenantId).collection<Json>(name)
      await before.insertMany(upTo(count).map((n) => ({ id: `d${n}`, data: { name: `Ada L${n}`, n } })))
      return { before, now: tenant.collection<Json>(name, { upcast }), name, tenant }
    }

    it('reads old documents through all steps and writes the newest', async () => {
      const { now } = await withOld(3)
      assert.deepEqual((await now.get('d1'))?.data, { n: 1, name: { first: 'Ada', last: 'L1' } })
      const expected = upTo(3).map((n) => ({ n, name: { first: 'Ada', last: `L${n}` } }))
      assert.deepEqual(
        (await now.find().toArray()).map(({ data }) => data),
        expected,
      )
      await now.updateOne('d1', { $set: { 'name.last': 'Lovelace' } })
      assert.deepEqual((await now.get('d1'))?.data, { n: 1, name: { first: 'Ada', last: 'Lovelace' } })
      await now.put('new', { n: 9, name: { first: 'Grace', last: 'Hopper' } })
      assert.deepEqual((await now.get('new'))?.data, { n: 9, name: { first: 'Grace', last: 'Hopper' } })
    })

    it('filters and sorts by what is stored, which upcastAll makes the newest', async () => {
      const { now } = await withOld(5)
      await now.updateOne('d0', { $set: { n: 0.5 } })
      assert.equal(await now.count({ name: 'Ada L3' }), 1)
      assert.equal(await now.count({ 'name.first': 'Ada' }), 1)
      assert.equal((await now.updateOne({ name: 'Ada L3' }, { $inc: { n: 100 } }))?.data['n'], 103)
      const pages: string[] = []
      for (let after: string | undefined; ;) {
        const page = await now.find({}, { sort: { n: -1 }, limit: 2, ...(after === undefined ? {} : { after }) }).page()
        pages.push(...page.items.map(({ id }) => id))
        if (page.next === undefined) break
        after = page.next
      }
      assert.deepEqual(pages, ['d3', 'd4', 'd2', 'd1', 'd0'])
      const report = await now.upcastAll({ batchSize: 2 })
      assert.deepEqual([report.found, report.rewritten, report.failed], [3, 3, 0])
      assert.equal(await now.count({ 'name.first': 'Ada' }), 5)
      assert.equal((await now.upcastAll()).found, 0)
      const distinct = await now.distinct('name.last')
      assert.deepEqual(distinct, ['L0', 'L1', 'L2', 'L3', 'L4'])
    })

    it('upcasts beside writers without undoing their writes', async () => {
      const { now } = await withOld(60)
      const [report] = await Promise.all([
        now.upcastAll({ batchSize: 7 }),
        ...upTo(60).map((n) => now.updateOne(`d${n}`, { $inc: { n: 1_000 } })),
      ])
      assert.equal(report.failed, 0)
      assert.equal((await now.upcastAll()).found, 0)
      const all = await now.find({}, { sort: { n: 1 } }).toArray()
      assert.deepEqual(
        all.map(({ data }) => data['n']),
        upTo(60).map((n) => n + 1_000),
      )
    })

    it('stops at a document that is newer than the program, and never brings it down', async () => {
      const { before, now, name, tenant } = await withOld(1)
      await now.put('new', { name: { first: 'Grace', last: 'Hopper' } })
      const tooNew = { code: 'FAILED_PRECONDITION', reason: 'SCHEMA_TOO_NEW' }
      const older = tenant.collection<Json>(name, { upcast: { 1: upcast[1] } })
      for (const old of [before, older]) {
        await assert.rejects(old.get('new'), tooNew)
        await assert.rejects(old.find().toArray(), tooNew)
      }
      await assert.rejects(older.updateOne('new', { $set: { n: 1 } }), tooNew)
      const report = await older.upcastAll()
      assert.deepEqual([report.found, report.rewritten, report.failed], [1, 1, 0])
      assert.deepEqual((await now.get('new'))?.data, { name: { first: 'Grace', last: 'Hopper' } })
    })

    it('reports documents whose step fails, and leaves them', async () => {
      const { name, tenant } = await withOld(3)
      const step = (data: Json) => {
        if (data['n'] === 1) throw new Error('no such name')
        return { ...data, seen: true }
      }
      const docs = tenant.collection<Json>(name, { upcast: { 1: step } })
      await assert.rejects(docs.get('d1'), { code: 'FAILED_PRECONDITION', reason: 'UPCAST_FAILED' })
      const report = await docs.upcastAll()
      assert.deepEqual([report.found, report.rewritten, report.failed], [3, 2, 1])
      assert.deepEqual(
        report.failures.map(({ id, reason }) => [id, reason]),
        [['d1', 'UPCAST_FAILED']],
      )
    })

    it('is not taken for what a caller put there: nobody can store its mark', async () => {
      const tenant = suite.tenant()
      const docs = tenant.collection<unknown>('conformance-docs')
      const mark = { $holdfast: { v: 2, e: 'x' } }
      await assert.rejects(docs.put('x', mark), faultOf('data.$holdfast'))
      await assert.rejects(docs.insertOne(mark), faultOf('data.$holdfast'))
      await assert.rejects(docs.insertMany([{ data: {} }, { data: mark }]), faultOf('items[1].data.$holdfast'))
      await assert.rejects(docs.load([{ data: mark }]), faultOf('items[0].data.$holdfast'))
      await assert.rejects(docs.updateOne('x', { $set: mark }, { upsert: true }), { code: 'INVALID_ARGUMENT' })
      const log = tenant.log<unknown>('conformance-log')
      await assert.rejects(log.append('s', [{ data: mark }]), faultOf('entries[0].data.$holdfast'))
      await docs.put('x', { deep: mark, text: '"$holdfast"' })
      assert.deepEqual((await docs.get('x'))?.data, { deep: mark, text: '"$holdfast"' })
    })

    it('runs in transactions, in claims and behind a schema', async () => {
      const { name, tenant } = await withOld(2)
      await tenant.transaction(async (tx) => {
        const docs = tx.collection<Json>(name, { upcast })
        assert.deepEqual((await docs.get('d0'))?.data['name'], { first: 'Ada', last: 'L0' })
        await docs.updateOne('d0', { $set: { n: 7 } })
      })
      const docs = tenant.collection<Json>(name, { upcast })
      assert.deepEqual((await docs.get('d0'))?.data, { n: 7, name: { first: 'Ada', last: 'L0' } })
      const claimed = await docs.claim({ n: 1 }, { set: { state: 'taken' } })
      assert.deepEqual(claimed?.data, { n: 1, state: 'taken', name: { first: 'Ada', last: 'L1' } })
      assert.deepEqual((await docs.get('d1'))?.data, claimed?.data)
    })

    it('refuses steps with gaps, data that is no object, and its own mark in data', async () => {
      const tenant = suite.tenant()
      const open = (steps: unknown) => tenant.collection<unknown>('conformance-docs', { upcast: steps as never })
      assert.throws(() => open({ 2: () => ({}) }), faultOf('upcast'))
      assert.throws(() => open({ 1: 5 }), faultOf('upcast[1]'))
      assert.throws(() => open([]), faultOf('upcast'))
      const docs = tenant.collection<unknown>(freshName(), { upcast })
      await assert.rejects(docs.put('x', [1]), faultOf('data'))
      await assert.rejects(docs.put('x', { $holdfast: 1 }), faultOf('data.$holdfast'))
    })
  })

  describe('a log with a schema', () => {
    it('stores and returns what the schema makes of entries, and names the path at fault', async () => {
      const log = suite.tenant().log('conformance-order-log', { schema: orderSchema(true) })
      const [entry] = await log.append('s', [{ key: 'k', data: { customer: 'Ada', items: [] } as never }])
      assert.deepEqual(entry?.data, { customer: 'Ada', state: 'new', items: [] })
      assert.deepEqual((await log.read('s'))[0]?.data, entry?.data)
      const [again] = await log.append('s', [{ key: 'k', data: { customer: 'Ada', items: [] } as never }])
      assert.equal(again?.seq, 1)
      const wrong = { customer: 'Ada', items: [{ price: null }] } as never
      await assert.rejects(
        log.append('s', [{ data: { customer: 'a', state: '', items: [] } }, { data: wrong }]),
        faultOf('entries[1].data.items[0].price'),
      )
      await assert.rejects(log.amend('s', 1, wrong), faultOf('data.items[0].price'))
      assert.equal((await log.head('s')).next, 2)
    })

    it('is followed by tails like any other', async () => {
      const log = suite.tenant().log('conformance-order-log', { schema: orderSchema() })
      const abort = new AbortController()
      const seen = collect(log.tail('s', { signal: abort.signal }))
      for (const n of upTo(3)) await log.append('s', [{ data: { customer: `c${n}`, state: 'new', items: [] } }])
      setTimeout(() => abort.abort(), 300)
      assert.deepEqual(
        (await seen).map(({ data }) => data.customer),
        ['c0', 'c1', 'c2'],
      )
    })
  })
}
