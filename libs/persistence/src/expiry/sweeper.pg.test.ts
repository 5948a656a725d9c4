import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { BlobContents } from '../blobs/blob-content.js'
import type { DocumentStore } from '../document-store.js'
import type { SqlCell, SqlDriver } from '../sql/driver.js'
import { type Server, servers } from '../sql/servers.test.support.js'
import { openSqlBackend } from '../sql/sql-backend.js'
import { countAllSql } from '../sql/count-all.js'
import { Parameters } from '../sql/parameters.js'
import { expireStatement } from '../sql/upkeep.js'
import { Store } from '../store.js'

type Json = Record<string, unknown>

// The embedded database runs the same statements, in the conformance suite.
for (const [name, start] of servers.filter(([kind]) => kind === 'postgres')) {
  describe(`the upkeep of rows on ${name}`, () => {
    let server: Server

    before(async () => {
      server = await start()
    })

    after(() => server[Symbol.asyncDispose]())

    async function open(driver: SqlDriver = server.driver, sweepIntervalMs = 0): Promise<DocumentStore> {
      const backend = openSqlBackend(
        new Proxy(driver, {
          get(target, member) {
            if (member === 'close') return driver === server.driver ? async () => undefined : () => target.close()
            const value: unknown = Reflect.get(target, member)
            return typeof value === 'function' ? value.bind(target) : value
          },
        }),
      )
      await backend.migrate()
      return new Store(backend, new BlobContents(), undefined, sweepIntervalMs)
    }

    const one = async (text: string): Promise<SqlCell | undefined> =>
      (await server.driver.query({ text, values: [] }))[0]?.[0]

    /** Rows of which every one has expired. */
    async function withExpired(store: DocumentStore, collection: string, count: number): Promise<void> {
      const docs = store.collection<Json>(collection)
      const rows = Array.from({ length: count }, (_, n) => ({ id: `d${n}`, data: { n } }))
      await docs.insertMany(rows, { ttlMs: 1 })
      while (Number(await one(`select count(*) from holdfast."c_${collection}" where expires_at > now()`)) > 0)
        await delay(5)
    }

    it('happens in the background, and ends when the store is closed', async () => {
      const quiet = await open()
      await withExpired(quiet, 'background', 700)
      const store = await open(server.driver, 20)
      const left = () => one(`select count(*) from holdfast.c_background`)
      while (Number(await left()) > 0) await delay(10)
      await store.close()
      await withExpired(quiet, 'background', 5)
      await delay(200)
      assert.equal(Number(await left()), 5)
      await quiet.close()
    })

    it('finds what has expired by an index, whatever else is there', async () => {
      const store = await open()
      await withExpired(store, 'planned', 10)
      await server.driver.query({
        text: `insert into holdfast.c_planned (tenant, id, version, created_at, updated_at, data, expires_at)
          select 'many', 'x' || n, 1, now(), now(), '{}', case when n % 2 = 0 then now() + interval '1 day' end
          from generate_series(1, 20000) n`,
        values: [],
      })
      await server.driver.query({ text: 'analyze holdfast.c_planned', values: [] })
      const { text } = expireStatement('planned', 500)
      const plan = await server.driver.query({ text: `explain ${text.replace('$1', '500')}`, values: [] })
      const lines = plan.map(([line]) => String(line)).join('\n')
      assert.match(lines, /Index Scan using e_planned/)
      assert.doesNotMatch(lines, /Seq Scan/)
      await store.close()
    })

    it('of one collection that fails keeps none of the others from being swept', async () => {
      const store = await open()
      for (const collection of ['aa-broken', 'zz-fine']) await withExpired(store, collection, 5)
      await server.driver.query({ text: 'alter table holdfast."c_aa-broken" rename to broken', values: [] })
      await assert.rejects(store.sweep(), { reason: 'UNEXPECTED_SQL_ERROR' })
      assert.equal(Number(await one('select count(*) from holdfast."c_zz-fine"')), 0)
      await server.driver.query({ text: 'alter table holdfast.broken rename to "c_aa-broken"', values: [] })
      assert.equal((await store.sweep()).expired, 5)
      await store.close()
    })

    it('costs a count nothing where nothing can be hidden', async () => {
      const store = await open()
      const docs = store.collection<Json>('counted')
      await docs.insertMany(Array.from({ length: 3_000 }, (_, n) => ({ data: { n } })))
      await server.driver.query({ text: 'vacuum analyze holdfast.c_counted', values: [] })
      const planOf = async () => {
        const parameters = new Parameters()
        const text = countAllSql('counted', 'default', parameters)
        const rows = await server.driver.query({
          text: `explain (analyze, costs off) ${text}`,
          values: parameters.values,
        })
        return rows.map(([line]) => String(line)).join('\n')
      }
      assert.match(await planOf(), /never executed/)
      assert.match(await planOf(), /Index Only Scan/)
      assert.equal(await docs.count(), 3_000)
      await docs.put('ended', {}, { ttlMs: 1 })
      await delay(20)
      assert.equal(await docs.count(), 3_000)
      await store.close()
    })

    it('brings tables of the first layout up to date', async () => {
      const collection = `old-${randomUUID().slice(0, 8)}`
      await (await open()).close()
      await server.driver.query({
        text: `create table holdfast."c_${collection}" (
          tenant text collate "C" not null, id text collate "C" not null, version bigint not null,
          created_at timestamptz(3) not null, updated_at timestamptz(3) not null, data jsonb not null,
          primary key (tenant, id)) with (fillfactor = 90)`,
        values: [],
      })
      await server.driver.query({
        text: `insert into holdfast.relations (kind, name, definition) values ('collection', $1, '[]')`,
        values: [collection],
      })
      await server.driver.query({
        text: `insert into holdfast."c_${collection}" values ('default', 'a', 7, now(), now(), '{"n": 1}')`,
        values: [],
      })
      const store = await open()
      const docs = store.collection<Json>(collection)
      assert.deepEqual((await docs.get('a'))?.data, { n: 1 })
      assert.equal((await docs.put('a', { n: 2 }, { ttlMs: 60_000 })).version, 8)
      const soft = store.collection<Json>(collection, { softDelete: { retainMs: 0 } })
      assert.equal(await soft.deleteOne('a'), true)
      await assert.rejects(soft.put('a', {}), { reason: 'DOCUMENT_REMOVED' })
      await store.close()
    })

    it('of several stores at once deletes each row once', async (t) => {
      const { another } = server
      if (another === undefined) return t.skip('only one process can have this data open')
      const first = await open()
      await first.sweep()
      await withExpired(first, 'contended', 4_000)
      const stores = await Promise.all([1, 2, 3].map(async () => open(await another())))
      const reports = await Promise.all(stores.map((store) => store.sweep()))
      assert.equal(
        reports.reduce((sum, { expired }) => sum + expired, 0),
        4_000,
      )
      assert.equal(Number(await one('select count(*) from holdfast.c_contended')), 0)
      await Promise.all(stores.map((store) => store.close()))
      await first.close()
    })

    it('takes nothing that a writer has just written anew', async (t) => {
      const { another } = server
      if (another === undefined) return t.skip('only one process can have this data open')
      const store = await open()
      const sweepers = await Promise.all([1, 2].map(async () => open(await another())))
      const docs = store.collection<Json>('anew', { indexes: [{ on: 'email', unique: true }] })
      const ids = Array.from({ length: 100 }, (_, n) => `d${n}`)
      let writing = true
      const sweeping = sweepers.map(async (sweeper) => {
        while (writing) await sweeper.sweep()
      })
      for (let round = 0; round < 10; round += 1) {
        await Promise.all(ids.map((id) => docs.put(id, { email: id }, { ttlMs: 1 })))
        await delay(5)
        // Half of the unique values go to other documents while their old owners expire and are swept.
        await Promise.all(ids.map((id, n) => docs.put(n % 2 === 0 ? id : `${id}-${round}`, { email: id, round })))
        assert.equal(await docs.count({ round }), ids.length)
        await docs.deleteMany({})
      }
      writing = false
      await Promise.all(sweeping)
      await Promise.all([store, ...sweepers].map((one) => one.close()))
    })

    it('waits for no writer: a row that somebody holds is left to him', async (t) => {
      const { another } = server
      if (another === undefined) return t.skip('only one process can have this data open')
      const store = await open()
      await store.sweep()
      await withExpired(store, 'held', 20)
      const other = await another()
      let report: Awaited<ReturnType<DocumentStore['sweep']>> | undefined
      await other.transaction(async (connection) => {
        await connection.query({ text: `select 1 from holdfast.c_held where id = 'd7' for update`, values: [] })
        report = await store.sweep()
      })
      assert.equal(report?.expired, 19)
      assert.equal((await store.sweep()).expired, 1)
      await other.close()
      await store.close()
    })
  })
}

describe('a store that sweeps', () => {
  it('does not keep its process alive', async () => {
    const open = new URL('../open.js', import.meta.url).href
    const script = `const { openDocumentStore } = await import(${JSON.stringify(open)})
      const store = await openDocumentStore('memory:', { sweepIntervalMs: 10_000 })
      await store.collection('x', { ttlMs: 1000 }).put('a', {})`
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 60_000 })
  })
})
