import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import type { DocumentStore } from '../document-store.js'
import { openDocumentStore } from '../open.js'
import { openPostgresDriver } from '../postgres/driver.js'
import type { SqlDriver } from '../sql/driver.js'
import type { EncryptionOptions, MasterKey } from './master-keys.js'

interface Person {
  readonly email: string
  readonly secret: string
}

const marker = 'plaintextmarker'
const firstSecret = randomBytes(32).toString('base64')
const first: MasterKey = { id: '2026-a', secret: firstSecret }
const second: MasterKey = { id: '2026-b', secret: randomBytes(32) }
const encrypt = { search: ['email'] }

describe('encryption at rest on PostgreSQL', () => {
  let database: TestDatabase
  let driver: SqlDriver
  let store: DocumentStore

  const open = (encryption: EncryptionOptions) => openDocumentStore(database.url, { encryption })
  const people = (of: DocumentStore, tenant: string) =>
    of.tenant(tenant).collection<Person>('people', { encrypt, indexes: [{ on: 'email', unique: true }] })
  const events = (of: DocumentStore, tenant: string) => of.tenant(tenant).log<object>('events', { encrypt: true })

  before(async () => {
    database = await postgresForTests()
    driver = await openPostgresDriver(database.url)
    store = await open({ keys: [first], blobs: true })
  })

  after(async () => {
    await store.close()
    await driver.close()
    await database[Symbol.asyncDispose]()
  })

  it('leaves no plaintext and no master key in any table', async () => {
    const docs = people(store, 'scan')
    await docs.put('a', { email: `${marker}@example.org`, secret: marker })
    await docs.updateOne('a', { $set: { secret: `${marker}2` } })
    await events(store, 'scan').append('s', [{ key: 'k', data: { text: marker } }, { data: { text: marker } }])
    await events(store, 'scan').amend('s', 1, { text: `${marker}3` })
    assert.equal((await docs.findOne({ email: `${marker}@example.org` }))?.id, 'a')
    await store.tenant('scan').blobs.put(Buffer.from(`${marker} in a blob`))
    await store.tenant('scan').blobs.put(Buffer.alloc(600_000, `${marker} in a large blob `))
    const tables = await driver.query({
      text: `select quote_ident(table_schema) || '.' || quote_ident(table_name) from information_schema.tables
             where table_schema = 'holdfast'`,
      values: [],
    })
    let scanned = 0
    for (const [table] of tables) {
      const text =
        table === 'holdfast.blob_chunks'
          ? `select encode(bytes, 'escape') from ${table}`
          : `select t::text from ${String(table)} t`
      const rows = await driver.query({ text, values: [] })
      for (const [row] of rows) {
        scanned += 1
        assert.ok(!String(row).includes(marker), `${String(table)} has the plaintext: ${String(row)}`)
        assert.ok(!String(row).includes(firstSecret), String(table))
      }
    }
    assert.ok(scanned > 5, `only ${scanned} rows were looked at`)
  })

  it('serves a searchable field from its index', async () => {
    const plan = await people(store, 'scan').find({ email: 'x' }).explain()
    assert.match(JSON.stringify(plan), /x_people_/)
  })

  it('notices a ciphertext that was put into another row or entry', async () => {
    const damaged = { code: 'DATA_LOSS', reason: 'DECRYPTION_FAILED' }
    for (const id of ['a', 'b']) await people(store, 'swap').put(id, { email: id, secret: marker })
    const swap = (from: string, to: string) =>
      driver.query({
        text: `update holdfast."c_people" t set data = jsonb_set(t.data, '{$holdfast,e}',
                 (select data #> '{$holdfast,e}' from holdfast."c_people" where tenant = 'swap' and id = $1))
               where tenant = 'swap' and id = $2`,
        values: [from, to],
      })
    await swap('a', 'b')
    await assert.rejects(people(store, 'swap').get('b'), damaged)
    assert.equal((await people(store, 'swap').get('a'))?.data.email, 'a')
    await events(store, 'swap').append('s', [
      { key: 'k1', data: { n: 1 } },
      { key: 'k2', data: { n: 2 } },
    ])
    await driver.query({
      text: `update holdfast."l_events" set data = (select data from holdfast."l_events" where tenant = 'swap' and seq = 1)
             where tenant = 'swap' and seq = 2`,
      values: [],
    })
    await assert.rejects(events(store, 'swap').read('s'), damaged)
  })

  it('says which master key is missing or wrong, and shows no secret', async () => {
    await people(store, 'master').put('a', { email: 'a', secret: marker })
    const wrongSecret = randomBytes(32).toString('base64')
    const cases = [
      [{ keys: [second] }, 'MASTER_KEY_MISSING'],
      [{ keys: [{ id: '2026-a', secret: wrongSecret }] }, 'MASTER_KEY_WRONG'],
    ] as const
    for (const [encryption, reason] of cases) {
      const other = await open(encryption)
      try {
        const attempts = [
          () => people(other, 'master').get('a'),
          () => people(other, 'master').put('b', { email: 'b', secret: '' }),
          () => other.tenant('master').transaction((tx) => tx.collection('people', { encrypt }).get('a')),
        ]
        for (const attempt of attempts) {
          await assert.rejects(attempt(), (error: Error & { code?: string; reason?: string }) => {
            assert.deepEqual([error.code, error.reason], ['FAILED_PRECONDITION', reason])
            assert.match(error.message, /2026-a/)
            assert.ok(!JSON.stringify(error).includes(wrongSecret) && !String(error.stack).includes(wrongSecret))
            return true
          })
        }
      } finally {
        await other.close()
      }
    }
  })

  it('wraps the keys with a new master key, after which the old one is not needed', async () => {
    for (const tenant of ['r1', 'r2']) await people(store, tenant).put('a', { email: tenant, secret: '' })
    const both = await open({ keys: [first, second], current: '2026-b' })
    try {
      await people(both, 'r3').put('a', { email: 'r3', secret: '' })
      const rewrapped = await both.encryption.rewrapKeys()
      assert.ok(rewrapped >= 4, String(rewrapped))
      assert.equal(await both.encryption.rewrapKeys(), 0)
    } finally {
      await both.close()
    }
    const now = await open({ keys: [second] })
    try {
      for (const tenant of ['r1', 'r2', 'r3']) {
        assert.equal((await people(now, tenant).findOne({ email: tenant }))?.id, 'a')
      }
    } finally {
      await now.close()
    }
    const [row] = await driver.query({
      text: `select count(*) from holdfast.tenant_keys where wrapped_by = '2026-a'`,
      values: [],
    })
    assert.equal(Number(row?.[0]), 0)
    await store.close()
    store = await open({ keys: [second] })
  })

  it('gives a new tenant one set of keys, whoever comes first', async () => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => open({ keys: [second] })))
    try {
      await Promise.all(
        stores.map((each, index) => people(each, 'race').put(`p${index}`, { email: `e${index}`, secret: marker })),
      )
      for (const each of stores) assert.equal((await people(each, 'race').find({}).toArray()).length, stores.length)
      await Promise.all(stores.map((each) => each.encryption.rotateTenantKey('race')))
      const [row] = await driver.query({
        text: `select count(*), max(number) from holdfast.tenant_keys where tenant = 'race'`,
        values: [],
      })
      assert.deepEqual(row?.map(Number), [2 + stores.length, 1 + stores.length])
      for (const each of stores) assert.equal((await people(each, 'race').find({}).toArray()).length, stores.length)
    } finally {
      await Promise.all(stores.map((each) => each.close()))
    }
  })

  it('leaves nothing of the keys of a shredded tenant, also if a new key is made at that moment', async () => {
    for (const round of [1, 2, 3]) {
      const tenant = `shred${round}`
      await people(store, tenant).put('a', { email: 'a', secret: marker })
      await Promise.allSettled([
        store.encryption.rotateTenantKey(tenant),
        store.encryption.shredTenant(tenant),
        store.encryption.rotateTenantKey(tenant),
      ])
      const rows = await driver.query({
        text: `select number from holdfast.tenant_keys where tenant = $1 and wrapped <> ''`,
        values: [tenant],
      })
      assert.deepEqual(rows, [])
      await assert.rejects(people(store, tenant).get('a'), { reason: 'KEY_SHREDDED' })
    }
  })
})
