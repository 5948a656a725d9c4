import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { DocumentStore, TenantStore } from '../document-store.js'
import type { EncryptionOptions } from '../encryption/master-keys.js'
import { collect, faultOf, freshTenantId, type Json, type Suite, upTo } from './suite.js'

/** What the stores of the suite are opened with. The same for all of them: they share their data. */
export const testEncryption: EncryptionOptions = {
  keys: [{ id: 'test', secret: Buffer.alloc(32, 7) }],
  keyCacheMs: 500,
}

const encrypt = { search: ['email', 'tags', 'address.city'] }
const indexes = [{ on: 'email', unique: true }, { on: 'address.city' }]

export function testEncryptionAtRest(suite: Suite): void {
  const people = (tenant: TenantStore) => tenant.collection<Json>('conformance-people', { encrypt, indexes })
  const notes = (tenant: TenantStore) => tenant.log<Json>('conformance-notes', { encrypt: true })
  const shredded = { code: 'FAILED_PRECONDITION', reason: 'KEY_SHREDDED' }

  describe('an encrypted collection', () => {
    it('gives back what was put in, by every way to write', async () => {
      const tenant = suite.tenant()
      const docs = people(tenant)
      const data = { email: 'ada@example.org', text: 'NUL \0, half \ud800, größe', deep: { list: [1, null, true] } }
      await docs.put('a', data)
      await docs.insertOne({ ...data, email: 'b' }, { id: 'b' })
      await docs.insertMany([{ id: 'c', data: { ...data, email: 'c' } }])
      await tenant.transaction((tx) => people(tx as TenantStore).put('d', { ...data, email: 'd' }))
      await docs.updateOne('e', { $set: { ...data, email: 'e' } }, { upsert: true })
      await docs.load([{ id: 'f', data: { ...data, email: 'f' } }])
      assert.deepEqual((await docs.get('a'))?.data, data)
      for (const id of ['b', 'c', 'd', 'e', 'f']) assert.deepEqual((await docs.get(id))?.data, { ...data, email: id })
      assert.deepEqual(
        (await docs.find({}, { sort: { _id: -1 } }).toArray()).map(({ id }) => id),
        ['f', 'e', 'd', 'c', 'b', 'a'],
      )
    })

    it('finds by equality of searchable fields, alone and combined', async () => {
      const docs = people(suite.tenant())
      await docs.insertMany([
        { id: 'a', data: { email: 'a@x', tags: ['red', 'blue'], address: { city: 'Turin' }, n: 1 } },
        { id: 'b', data: { email: 'b@x', tags: ['blue'], address: { city: 'Turin' }, n: 2 } },
        { id: 'c', data: { email: null, tags: [], n: 3 } },
        { id: 'd', data: { email: 7 } },
      ])
      const ids = async (filter: object) => (await docs.find(filter as never).toArray()).map(({ id }) => id)
      assert.deepEqual(await ids({ email: 'a@x' }), ['a'])
      assert.deepEqual(await ids({ email: { $in: ['b@x', 7] } }), ['b', 'd'])
      assert.deepEqual(await ids({ email: { $ne: 'a@x' } }), ['b', 'c', 'd'])
      assert.deepEqual(await ids({ email: null }), ['c'])
      assert.deepEqual(await ids({ email: '7' }), [])
      assert.deepEqual(await ids({ tags: 'blue', 'address.city': 'Turin' }), ['a', 'b'])
      assert.deepEqual(await ids({ $or: [{ tags: 'red' }, { 'address.city': { $exists: false } }] }), ['a', 'c', 'd'])
      assert.deepEqual(await ids({ _id: { $gt: 'b' } }), ['c', 'd'])
      assert.equal(await docs.count({ 'address.city': 'Turin' }), 2)
      assert.deepEqual(await docs.distinct('n'), [1, 2, 3])
    })

    it('finds what a plain collection finds, whatever shape the data has', async () => {
      const tenant = suite.tenant()
      const plain = tenant.collection<Json>('conformance-shapes')
      const docs = tenant.collection<Json>('conformance-hidden-shapes', { encrypt: { search: ['v', 'p.q'] } })
      const values = [undefined, null, 1, 'a', true, '', [], ['a'], [null], ['a', 1], [['a']], [[]], { x: 1 }, {}]
      const parents = values.flatMap((q) => [
        { q },
        [{ q }],
        [{ q }, {}],
        [{ q: 'a' }, { q }],
        [1, { q }],
        [[{ q }]],
        { q: [{ q }] },
      ])
      const data = [...values.map((v) => ({ v, p: v })), ...parents.map((p) => ({ v: 'v', p }))]
      const items = data.map((one, n) => ({ id: `d${n}`, data: JSON.parse(JSON.stringify(one)) as Json }))
      await Promise.all([plain.insertMany(items), docs.insertMany(items)])
      const operands = [null, 'a', 1, true, '', 'none']
      const conditions: unknown[] = [
        ...operands.flatMap((operand) => [
          operand,
          { $ne: operand },
          { $in: [operand, 'none'] },
          { $nin: [operand, 1] },
        ]),
        { $exists: true },
        { $exists: false },
        { $not: { $eq: 'a' } },
      ]
      for (const condition of conditions) {
        for (const field of ['v', 'p.q']) {
          const filter = { [field]: condition }
          const [expected, found] = await Promise.all(
            [plain, docs].map(async (of) => (await of.find(filter).toArray()).map(({ id }) => id)),
          )
          assert.deepEqual(found, expected, JSON.stringify(filter))
        }
      }
      await docs.updateMany({ 'p.q': { $ne: 'a' } }, { $set: { seen: 1 } })
      await plain.updateMany({ 'p.q': { $ne: 'a' } }, { $set: { seen: 1 } })
      const all = await Promise.all([plain, docs].map(async (of) => (await of.find().toArray()).map((one) => one.data)))
      assert.deepEqual(all[1], all[0])
    })

    it('updates, deletes and claims by searchable fields', async () => {
      const docs = people(suite.tenant())
      await docs.insertMany(upTo(4).map((n) => ({ id: `d${n}`, data: { email: `e${n}`, n, tags: ['x'] } })))
      assert.deepEqual((await docs.updateOne({ email: 'e1' }, { $inc: { n: 10 } }))?.data['n'], 11)
      assert.deepEqual(await docs.updateMany({ tags: 'x' }, { $set: { seen: true } }), { matched: 4, modified: 4 })
      assert.deepEqual(await docs.deleteMany({ email: { $in: ['e0', 'e2'] } }), { deleted: 2 })
      const claimed = await docs.claim({ tags: 'x' }, { set: { state: 'taken' } })
      assert.deepEqual(claimed?.data, { email: 'e1', n: 11, tags: ['x'], seen: true, state: 'taken' })
      assert.deepEqual((await docs.get('d1'))?.data, claimed?.data)
      await Promise.all(upTo(10).map(() => docs.updateOne('d3', { $inc: { n: 1 } })))
      assert.equal((await docs.get('d3'))?.data['n'], 13)
    })

    it('keeps searchable fields unique within a tenant', async () => {
      const docs = people(suite.tenant())
      await docs.put('a', { email: 'same' })
      await assert.rejects(docs.put('b', { email: 'same' }), { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION' })
      await people(suite.tenant()).put('a', { email: 'same' })
    })

    it('refuses what it could not answer from hashes, naming the field', async () => {
      const docs = people(suite.tenant())
      await docs.put('a', { email: 'a', n: 1 })
      await assert.rejects(docs.find({ n: 1 }).toArray(), faultOf('filter.n'))
      await assert.rejects(docs.count({ email: { $gt: 'a' } }), faultOf('filter.email'))
      await assert.rejects(docs.deleteMany({ email: { $regex: 'a' } }), faultOf('filter.email'))
      await assert.rejects(docs.find({ $nor: [{ n: { $exists: true } }] }).toArray(), faultOf('filter.n'))
      await assert.rejects(docs.find({ address: { city: 'x' } }).toArray(), faultOf('filter.address'))
      await assert.rejects(docs.find({}, { sort: { email: 1 } }).toArray(), faultOf('sort.email'))
      const tenant = suite.tenant()
      const open = (options: object) => tenant.collection('conformance-other-people', options)
      assert.throws(() => open({ encrypt: true, indexes: [{ on: 'n' }] }), faultOf('indexes[0].on'))
      assert.throws(() => open({ encrypt: { search: 'email' } }), faultOf('encrypt.search'))
      assert.throws(() => open({ encrypt: { find: [] } }), faultOf('find'))
      assert.equal(await docs.count(), 1)
    })

    it('is read with projections, from replicas, page by page, in feeds and after a restore', async () => {
      const tenant = suite.tenant()
      const docs = tenant.collection<Json>('conformance-fed-people', { encrypt, feed: true, softDelete: true })
      const made = await docs.insertMany(upTo(5).map((n) => ({ id: `d${n}`, data: { email: `e${n}`, n } })))
      assert.deepEqual((await docs.find({ email: 'e1' }, { project: { n: 1 } }).toArray())[0]?.data, { n: 1 })
      assert.deepEqual(await docs.getMany(['d4', 'none'], { maxStalenessMs: 1_000 }), [made[4], undefined])
      assert.equal(await docs.count({ email: 'e2' }, { maxStalenessMs: 1_000 }), 1)
      const page = await docs.find({}, { limit: 3 }).page()
      const next = await docs.find({}, { limit: 3, after: page.next ?? '' }).page()
      assert.deepEqual([...page.items, ...next.items], made)
      await docs.deleteOne('d2')
      assert.deepEqual((await docs.restore('d2'))?.data, { email: 'e2', n: 2 })
      assert.equal((await docs.findOne({ email: 'e2' }))?.id, 'd2')
      await docs.bulk([{ insert: { id: 'b', data: { email: 'b' } } }])
      assert.equal((await docs.get('b'))?.data['email'], 'b')
      for await (const { op, id, document } of docs.watch({ from: 'start' })) {
        if (op === 'write') assert.deepEqual(document?.data, (await docs.get(id))?.data)
        if (id === 'b') break
      }
    })

    it('is not read as if it were plain', async () => {
      const tenant = suite.tenant()
      await people(tenant).put('a', { email: 'a' })
      await notes(tenant).append('s', [{ data: { n: 1 } }])
      const other = await suite.openAnother?.({ encryption: testEncryption })
      if (other === undefined) return
      try {
        const plain = other.tenant(tenant.tenantId)
        const encrypted = { code: 'FAILED_PRECONDITION', reason: 'ENCRYPTED' }
        await assert.rejects(plain.collection('conformance-people').get('a'), encrypted)
        await assert.rejects(plain.log('conformance-notes').read('s'), encrypted)
      } finally {
        await other.close()
      }
    })

    it('takes documents that were there before, and searches once rotate has hashed them', async () => {
      const tenant = suite.tenant()
      const name = `conformance-e${Date.now().toString(36)}`
      const plain = tenant.collection<Json>(name)
      await plain.insertMany(upTo(5).map((n) => ({ id: `d${n}`, data: { email: `e${n}` } })))
      const docs = tenant.collection<Json>(name, { encrypt: { search: ['email'] } })
      assert.deepEqual((await docs.get('d1'))?.data, { email: 'e1' })
      await assert.rejects(docs.find({ email: 'e1' }).toArray(), { reason: 'SEARCH_INCOMPLETE' })
      const report = await docs.rotate({ batchSize: 2 })
      assert.deepEqual([report.found, report.rewritten], [5, 5])
      assert.deepEqual((await docs.findOne({ email: 'e1' }))?.id, 'd1')
      assert.equal((await docs.rotate()).found, 0)
    })

    it('works with upcast and a schema', async () => {
      const tenant = suite.tenant()
      const name = `conformance-u${Date.now().toString(36)}`
      await tenant.collection<Json>(name, { encrypt: { search: ['email'] } }).put('a', { email: 'a', name: 'Ada' })
      const upcast = { 1: (data: Json) => ({ ...data, greeting: `Dear ${String(data['name'])}` }) }
      const docs = tenant.collection<Json>(name, { encrypt: { search: ['email'] }, upcast })
      assert.equal((await docs.findOne({ email: 'a' }))?.data['greeting'], 'Dear Ada')
      assert.equal((await docs.upcastAll()).rewritten, 1)
      assert.equal((await docs.upcastAll()).found, 0)
      assert.equal((await docs.findOne({ email: 'a' }))?.data['greeting'], 'Dear Ada')
      const older = tenant.collection<Json>(name, { upcast: {} })
      await assert.rejects(older.get('a'), { reason: 'SCHEMA_TOO_NEW' })
    })
  })

  describe('an encrypted log', () => {
    it('gives back entries to reads, branches, tails and amendments', async () => {
      const log = notes(suite.tenant())
      const abort = new AbortController()
      const seen: unknown[] = []
      const tail = (async () => {
        for await (const { data } of log.tail('s', { signal: abort.signal })) {
          seen.push(data['n'])
          if (seen.length === 4) abort.abort()
        }
      })()
      await log.append('s', [{ data: { n: 1 } }, { key: 'k', data: { n: 2 } }])
      await log.append('s', [{ data: { n: 3 } }])
      await log.fork('s', 2, 'branch')
      await log.append('branch', [{ data: { n: 30 } }])
      assert.deepEqual(
        (await log.read('branch')).map(({ data }) => data['n']),
        [1, 2, 30],
      )
      assert.deepEqual((await log.amend('s', 2, { n: 22 }))?.data, { n: 22 })
      assert.equal(await log.amend('s', 9, { n: 22 }), undefined)
      await log.append('s', [{ data: { n: 4 } }])
      await tail
      assert.deepEqual(
        [...seen].filter((n) => n !== 2 && n !== 22),
        [1, 3, 4],
      )
      assert.deepEqual(
        (await log.read('s', { reverse: true, limit: 3 })).map(({ data }) => data['n']),
        [4, 3, 22],
      )
    })

    it('knows the same data again under its key, before and after rotations and amendments', async () => {
      const tenant = suite.tenant()
      const log = notes(tenant)
      const first = { key: 'k1', data: { text: 'once', n: 1 } }
      const second = { key: 'k2', data: { text: 'twice', n: 2 } }
      await log.append('s', [first])
      await suite.store.encryption.rotateTenantKey(tenant.tenantId)
      await log.append('s', [second])
      await suite.store.encryption.rotateTenantKey(tenant.tenantId)
      const again = await log.append('s', [first, { data: { n: 3 } }, second])
      assert.deepEqual(
        again.map(({ seq, data }) => [seq, data['n']]),
        [
          [1, 1],
          [3, 3],
          [2, 2],
        ],
      )
      const conflict = { code: 'ALREADY_EXISTS', reason: 'KEY_CONFLICT' }
      await assert.rejects(log.append('s', [{ key: 'k1', data: { text: 'other' } }]), conflict)
      await log.amend('s', 1, { text: 'redacted' })
      assert.deepEqual((await log.append('s', [first]))[0]?.data, { text: 'redacted' })
      await assert.rejects(log.append('s', [{ key: 'k1', data: { text: 'redacted' } }]), conflict)
      assert.equal((await log.head('s')).next, 4)
    })

    it('appends in transactions, the first of a tenant too', async () => {
      const tenant = suite.tenant()
      await tenant.transaction(async (tx) => {
        const log = tx.log<Json>('conformance-notes', { encrypt: true })
        await log.append('s', [{ key: 'k', data: { n: 1 } }])
        assert.deepEqual((await log.read('s'))[0]?.data, { n: 1 })
      })
      assert.deepEqual((await notes(tenant).read('s'))[0]?.data, { n: 1 })
    })
  })

  describe('keys', () => {
    it('of tenants differ, so that the same value has another hash and another ciphertext', async () => {
      const [a, b] = [suite.tenant(), suite.tenant()]
      for (const tenant of [a, b]) await people(tenant).put('x', { email: 'same' })
      assert.equal(await people(a).count({ email: 'same' }), 1)
      assert.equal(await people(b).count({ email: 'same' }), 1)
    })

    it('are rotated: what is old stays readable, and rotate brings it under the new key', async () => {
      const tenant = suite.tenant()
      const docs = people(tenant)
      await docs.insertMany(upTo(30).map((n) => ({ id: `d${n}`, data: { email: `e${n}`, n } })))
      assert.equal(await suite.store.encryption.rotateTenantKey(tenant.tenantId), 2)
      await docs.put('new', { email: 'new' })
      assert.equal((await docs.findOne({ email: 'e7' }))?.data['n'], 7)
      const [report] = await Promise.all([
        docs.rotate({ batchSize: 7 }),
        ...upTo(10).map((n) => docs.updateOne(`d${n}`, { $inc: { n: 100 } })),
      ])
      assert.equal(report.failed, 0)
      assert.equal((await docs.rotate()).found, 0)
      const all = await docs.find({ _id: { $ne: 'new' } }).toArray()
      assert.deepEqual(
        all.map(({ data }) => Number(data['n']) % 100).sort((x, y) => x - y),
        upTo(30),
      )
    })

    it('are shredded: nothing can be read or written any more, and others are not touched', async () => {
      const [gone, other] = [suite.tenant(), suite.tenant()]
      for (const tenant of [gone, other]) {
        await people(tenant).put('x', { email: 'a' })
        await notes(tenant).append('s', [{ data: { n: 1 } }])
      }
      assert.equal(await suite.store.encryption.shredTenant(gone.tenantId), 2)
      await assert.rejects(people(gone).get('x'), shredded)
      await assert.rejects(people(gone).find({ email: 'a' }).toArray(), shredded)
      await assert.rejects(people(gone).put('y', { email: 'b' }), shredded)
      await assert.rejects(notes(gone).read('s'), shredded)
      await assert.rejects(notes(gone).append('s', [{ data: { n: 2 } }]), shredded)
      await assert.rejects(collect(notes(gone).tail('s')), shredded)
      await assert.rejects(
        gone.transaction((tx) => people(tx as TenantStore).get('x')),
        shredded,
      )
      assert.equal(await people(gone).get('nobody'), undefined)
      assert.equal(await people(gone).count(), 1)
      assert.equal(await people(gone).deleteOne('x'), true)
      assert.equal((await people(other).get('x'))?.data['email'], 'a')
      assert.equal(await suite.store.encryption.shredTenant(gone.tenantId), 0)
    })

    it('are forgotten by other stores within keyCacheMs', async (t) => {
      const { openAnother } = suite
      if (openAnother === undefined) return t.skip('only one process can have this data open')
      const other: DocumentStore = await openAnother({ encryption: testEncryption })
      try {
        const tenant = suite.tenant()
        await people(tenant).put('x', { email: 'a' })
        const there = people(other.tenant(tenant.tenantId))
        assert.equal((await there.get('x'))?.data['email'], 'a')
        await suite.store.encryption.shredTenant(tenant.tenantId)
        await new Promise((resolve) => setTimeout(resolve, 550))
        await assert.rejects(there.get('x'), shredded)
        await assert.rejects(there.put('x', {}), shredded)
      } finally {
        await other.close()
      }
    })

    it('stay out of errors and of what inspect shows', async () => {
      const secret = Buffer.alloc(32, 7)
      const shown =
        inspect(suite.store, { depth: 20, showHidden: true }) + inspect(people(suite.tenant()), { depth: 20 })
      for (const form of [secret.toString('base64').slice(0, 20), secret.toString('hex').slice(0, 20), '07 07 07 07']) {
        assert.ok(!shown.includes(form), form)
      }
    })
  })

  describe('an encrypted blob', () => {
    it('is read whole and in parts, as it was put', async () => {
      const store = await suite.open({ encryption: { ...testEncryption, blobs: true } })
      try {
        const { blobs, tenantId } = store.tenant(freshTenantId())
        const sizes = [0, 1, 262_144, 262_145, 700_001]
        for (const size of sizes) {
          const content = Buffer.alloc(size, `${size}:`)
          const { hash, sizeBytes } = await blobs.put(content)
          assert.equal(sizeBytes, size)
          assert.ok(content.equals(await blobs.bytes(hash)), `${size} bytes`)
          const streamed = await blobs.put(
            (async function* () {
              yield content.subarray(0, size >> 1)
              yield content.subarray(size >> 1)
            })(),
          )
          assert.equal(streamed.hash, hash)
          if (size < 10) continue
          const part = Buffer.concat(await collect(blobs.get(hash, { start: size - 7, end: size - 2 })))
          assert.ok(part.equals(content.subarray(size - 7, size - 2)))
        }
        const inside = await store.tenant(tenantId).transaction(async (tx) => {
          const { hash } = await tx.blobs.put(Buffer.from('inside'))
          return tx.blobs.bytes(hash)
        })
        assert.equal(Buffer.from(inside).toString(), 'inside')
        const { hash } = await blobs.put(Buffer.from('gone'))
        await store.encryption.shredTenant(tenantId)
        await assert.rejects(blobs.bytes(hash), shredded)
      } finally {
        await store.close()
      }
    })
  })
}
