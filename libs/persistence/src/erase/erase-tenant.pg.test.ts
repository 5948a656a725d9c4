import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { BlobContents } from '../blobs/blob-content.js'
import type { DocumentStore } from '../document-store.js'
import { MasterKeys } from '../encryption/master-keys.js'
import type { SqlDriver } from '../sql/driver.js'
import { type Server, servers } from '../sql/servers.test.support.js'
import { openSqlBackend } from '../sql/sql-backend.js'
import { Store } from '../store.js'

type Json = Record<string, unknown>

const masterKey = randomBytes(32)

// The embedded database runs the same statements, in the conformance suite.
for (const [name, start] of servers.filter(([kind]) => kind === 'postgres')) {
  describe(`the erasure of a tenant on ${name}`, () => {
    let server: Server

    before(async () => {
      server = await start()
    })

    after(() => server[Symbol.asyncDispose]())

    /** A store of its own on the server's driver, which stays open. */
    async function open(driver: SqlDriver = server.driver): Promise<DocumentStore> {
      const backend = openSqlBackend(new Proxy(driver, { get: closeless }))
      await backend.migrate()
      const masters = new MasterKeys({ keys: [{ id: 'm1', secret: masterKey }] })
      return new Store(backend, new BlobContents(), masters, 0)
    }

    /** The tables in which a text occurs, in whatever column, as text or as bytes. */
    async function tablesWith(text: string): Promise<string[]> {
      const tables = await server.driver.query({
        text: `select table_name from information_schema.tables where table_schema = 'holdfast'`,
        values: [],
      })
      const found: string[] = []
      for (const [table] of tables) {
        const rows = await server.driver.query({
          text: `select 1 from holdfast."${String(table)}" t
            where strpos(t::text, $1) > 0 or strpos(t::text, encode(convert_to($1, 'UTF8'), 'hex')) > 0 limit 1`,
          values: [text],
        })
        if (rows.length > 0) found.push(String(table))
      }
      return found.sort()
    }

    it('leaves no word of it in any table', async () => {
      const store = await open()
      const marker = `marker-${randomUUID()}`
      const tenant = store.tenant(`t-${marker}`)
      await fill(store, tenant.tenantId, marker)
      const filled = await tablesWith(marker)
      for (const table of [
        'c_kept',
        'c_soft',
        'c_fed',
        'f_fed',
        'c_secret',
        'l_chat',
        's_chat',
        'blobs',
        'blob_chunks',
      ]) {
        assert.ok(filled.includes(table), `${table} of ${filled.join()}`)
      }
      for (const table of ['blob_links', 'tenant_keys', 'transactions', 'feeds']) {
        assert.ok(filled.includes(table), `${table} of ${filled.join()}`)
      }
      const report = await tenant.eraseTenant()
      assert.equal(report.remaining, 0)
      assert.ok(report.keys > 0)
      assert.deepEqual(await tablesWith(marker), [])
      await store.close()
    })

    it('of a subject leaves no word of its data, but its ids where late writers must be refused', async () => {
      const store = await open()
      const marker = `marker-${randomUUID()}`
      const tenant = store.tenant(randomUUID())
      await fill(store, tenant.tenantId, marker)
      const report = await tenant.eraseSubject({
        collections: {
          kept: { marker },
          soft: { marker },
          fed: { marker },
          secret: { name: marker },
        },
        logs: { chat: ['s', 'removed', 'branch'] },
      })
      assert.deepEqual(report.remaining, { documents: 0, entries: 0, blobs: 0 })
      assert.equal(report.blobs, 1)
      assert.deepEqual(await tablesWith(marker), ['transactions'])
      await store.close()
    })

    it('goes on where it was cut off', async () => {
      const store = await open()
      const marker = randomUUID()
      const tenant = store.tenant(`t-${marker}`)
      await tenant.collection<Json>('kept').insertMany(Array.from({ length: 5_000 }, (_, n) => ({ data: { n } })))
      await fill(store, tenant.tenantId, marker)
      const cut = await open(cutAfter(server.driver, 6))
      await assert.rejects(cut.tenant(tenant.tenantId).eraseTenant(), { code: 'UNAVAILABLE' })
      assert.notDeepEqual(await tablesWith(marker), [])
      assert.equal((await tenant.eraseTenant()).remaining, 0)
      assert.deepEqual(await tablesWith(marker), [])
      await Promise.all([store.close(), cut.close()])
    })

    it('lets the tenant begin anew with keys of its own', async () => {
      const store = await open()
      const tenant = store.tenant(randomUUID())
      const secret = tenant.collection<Json>('secret', { encrypt: true })
      await secret.put('a', { n: 1 })
      await tenant.eraseTenant()
      assert.equal(await secret.get('a'), undefined)
      await secret.put('a', { n: 2 })
      assert.deepEqual((await secret.get('a'))?.data, { n: 2 })
      await store.close()
    })
  })
}

/** Something in every table that there is. */
async function fill(store: DocumentStore, tenantId: string, marker: string): Promise<void> {
  const tenant = store.tenant(tenantId)
  const docs = tenant.collection<Json>('kept', { indexes: [{ on: 'marker' }] })
  await docs.put('a', { marker })
  await docs.put('ended', { marker }, { ttlMs: 1 })
  const soft = tenant.collection<Json>('soft', { softDelete: true })
  await soft.insertMany([
    { id: 'gone', data: { marker } },
    { id: 'there', data: { marker } },
  ])
  await soft.deleteOne('gone')
  const fed = tenant.collection<Json>('fed', { feed: true })
  await fed.put('f', { marker })
  await tenant.collection<Json>('secret', { encrypt: { search: ['name'] } }).put('s', { name: marker, marker })
  const log = tenant.log<string>('chat')
  await log.append('s', [{ key: `${marker} key`, data: marker }, { data: 'else' }])
  await log.amend('s', 2, marker)
  await log.append('removed', [{ data: marker }, { data: marker }])
  await log.fork('removed', 1, 'branch')
  await log.remove('removed')
  const blob = await tenant.blobs.put(Buffer.from(marker.repeat(50)))
  await tenant.blobs.link(blob.hash, { collection: 'kept', id: 'a' })
  await tenant.transaction(async (tx) => (await tx.collection<Json>('kept').get('a'))?.data, { key: `${marker} key` })
}

function closeless(driver: SqlDriver, name: string | symbol): unknown {
  if (name === 'close') return async () => undefined
  const value: unknown = Reflect.get(driver, name)
  return typeof value === 'function' ? value.bind(driver) : value
}

/** Lets so many statements delete something, and then none. */
function cutAfter(driver: SqlDriver, count: number): SqlDriver {
  let left = count
  return new Proxy(driver, {
    get(target, name) {
      if (name !== 'query') return closeless(target, name)
      return async (statement: Parameters<SqlDriver['query']>[0]) => {
        if (/delete from/.test(statement.text) && (left -= 1) < 0) {
          throw new HoldfastError('UNAVAILABLE', 'The connection was cut')
        }
        return target.query(statement)
      }
    },
  })
}
