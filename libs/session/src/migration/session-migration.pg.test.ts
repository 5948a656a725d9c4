import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { openPostgresDriver, type SqlDriver } from '@holdfast/persistence/sql'
import { postgresForTests, startProxy, type TestDatabase } from '@holdfast/test-servers'
import { type MigratingBackend, openMigratingBackend } from '../session-store/migrating-backend.js'
import { DocumentsBackend } from '../session-store/documents-backend.js'
import type { SessionWrite } from '../session-store/session-backend.js'
import { sameJson } from './canonical-json.js'
import type { Phase } from './phase.js'
import { openSessionMigration, type SessionMigration } from './session-migration.js'

const trustMs = 60

describe('a migration of sessions', () => {
  let legacy: TestDatabase
  let fresh: TestDatabase
  let old: SqlDriver
  let store: DocumentStore
  let migration: SessionMigration
  let processes: MigratingBackend[]

  const begin = async (): Promise<void> => {
    legacy = await postgresForTests()
    fresh = await postgresForTests()
    old = await openPostgresDriver(legacy.url, { maxConnections: 2 })
    store = await openDocumentStore(fresh.url)
    migration = await openSessionMigration({ from: legacy.url, store, trustMs })
    processes = await Promise.all([1, 2].map(() => openMigratingBackend(legacy.url, store, { trustMs })))
  }
  const end = async (): Promise<void> => {
    for (const one of processes) await one.close()
    await migration.close()
    await store.close()
    await old.close()
    await legacy[Symbol.asyncDispose]()
    await fresh[Symbol.asyncDispose]()
  }

  const write = (key: string, value: unknown, options: Partial<SessionWrite> = {}): SessionWrite => ({
    key,
    value,
    json: JSON.stringify(value),
    ttlMs: undefined,
    ifVersion: undefined,
    ...options,
  })
  const oldRows = async (): Promise<Map<string, string>> =>
    new Map(
      (await old.query({ text: 'select key, value::text from sessions', values: [] })).map(([key, value]) => [
        String(key),
        String(value),
      ]),
    )
  const newRows = async (): Promise<Map<string, string>> => {
    const documents = new DocumentsBackend(store, 'sessions')
    const keys = await documents.keys(undefined, 10_000)
    const rows = await Promise.all(keys.map((key) => documents.read(key)))
    return new Map(keys.map((key, index) => [key, rows[index]?.json ?? '']))
  }
  const same = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): void => {
    assert.deepEqual([...a.keys()].toSorted(), [...b.keys()].toSorted())
    for (const [key, json] of a) assert.ok(sameJson(json, b.get(key)), `${key}: ${json} and ${b.get(key)}`)
  }
  const forward: Readonly<Record<Exclude<Phase, 'direct'>, () => Promise<unknown>>> = {
    'dual-write': () => migration.dualWrite(),
    backfill: () => migration.backfill(),
    verify: () => migration.verify(),
    cutover: () => migration.cutover(),
    documents: () => migration.finish(),
  }
  const order = ['dual-write', 'backfill', 'verify', 'cutover', 'documents'] as const
  const goTo = async (phase: Phase): Promise<void> => {
    for (const step of order.slice(0, order.indexOf(phase as (typeof order)[number]) + 1)) await forward[step]()
  }

  describe('step by step', () => {
    before(begin)
    after(end)

    it('goes to the end and back, with all that was there and all that was written meanwhile', async () => {
      for (let n = 0; n < 450; n += 1) {
        await old.query({
          text: 'insert into sessions (key, value) values ($1, $2::jsonb)',
          values: [`session:${n}:state`, `{"n": ${n}.0, "big": 9007199254740993}`],
        })
      }
      const first = await oldRows()
      const [a, b] = processes as [MigratingBackend, MigratingBackend]
      await a.write(write('written:direct', 1))
      assert.equal((await migration.dualWrite()).changed, true)
      assert.equal((await migration.dualWrite()).changed, false)
      await b.write(write('written:dual', 2))
      await a.remove('session:3:state')
      const backfill = await migration.backfill()
      assert.equal(backfill.sessions, 451)
      assert.deepEqual(await migration.backfill(), { ...backfill, changed: false })
      const versions = await Promise.all([...first.keys()].map(async (key) => (await a.read(key)).version))
      const verify = await migration.verify()
      assert.deepEqual([verify.copied, verify.different, verify.differentRanges], [0, 0, 0])
      assert.equal(verify.digests.legacy, verify.digests.documents)
      same(await oldRows(), await newRows())
      assert.equal((await a.read('session:7:state')).json, first.get('session:7:state'))
      const cutover = await migration.cutover()
      assert.equal(cutover.phase, 'cutover')
      assert.ok(cutover.heldMs < 2_000)
      const after = await Promise.all([...first.keys()].map(async (key) => (await b.read(key)).version))
      assert.deepEqual(after, versions)
      assert.equal((await a.read('session:7:state')).json, first.get('session:7:state'))
      await b.write(write('written:cutover', 3))
      await a.remove('session:4:state')
      same(await oldRows(), await newRows())
      await migration.finish()
      await a.write(write('written:documents', 4))
      await b.write(write('session:5:state', 'new'))
      await b.remove('session:6:state')
      assert.equal((await oldRows()).has('session:6:state'), true)
      const rollback = await migration.rollback()
      assert.deepEqual([rollback.from, rollback.phase], ['documents', 'direct'])
      const rows = await oldRows()
      same(rows, await newRows())
      for (const gone of ['session:3:state', 'session:4:state', 'session:6:state']) assert.equal(rows.has(gone), false)
      for (const [n, phase] of ['direct', 'dual', 'cutover', 'documents'].entries()) {
        assert.equal(rows.get(`written:${phase}`), String(n + 1))
      }
      // Nobody wrote them: they are as the old service left them, byte for byte.
      assert.equal(rows.get('session:7:state'), first.get('session:7:state'))
      assert.equal((await a.read('session:5:state')).json, '"new"')
      await goTo('documents')
      same(await oldRows(), await newRows())
    })
  })

  describe('a rollback', () => {
    before(begin)
    after(end)

    for (const from of order) {
      it(`leads back from ${from}, deletions included, and forward again`, async () => {
        const [a, b] = processes as [MigratingBackend, MigratingBackend]
        await a.write(write('kept', from))
        await a.write(write('deleted', from))
        await b.write(write('changed', 'before'))
        await goTo(from)
        await b.remove('deleted')
        const changed = await a.write(write('changed', from))
        await assert.rejects(b.write(write('changed', 0, { ifVersion: changed.version - 1 })), { code: 'ABORTED' })
        const report = await migration.rollback()
        assert.deepEqual([report.from, report.phase, report.changed], [from, 'direct', true])
        const rows = await oldRows()
        assert.deepEqual(
          [rows.get('kept'), rows.get('deleted'), rows.get('changed')],
          [JSON.stringify(from), undefined, JSON.stringify(from)],
        )
        // Made while nothing is copied: the next way forward has to find it.
        await a.remove('kept')
        assert.equal((await b.read('changed')).version, changed.version)
        await b.write(write('changed', 'after', { ifVersion: changed.version }))
        await goTo('cutover')
        same(await oldRows(), await newRows())
        assert.equal((await a.read('kept')).json, undefined)
        assert.equal((await a.read('changed')).json, '"after"')
        await migration.rollback()
      })
    }

    it('leads back without the documents, when these cannot be reached', async () => {
      const proxy = await startProxy(fresh.url)
      const away = await openDocumentStore(proxy.url, { connectTimeoutMs: 200 })
      const one = await openMigratingBackend(legacy.url, away, { trustMs })
      try {
        await goTo('cutover')
        await one.write(write('before', 1))
        await proxy.stop()
        await assert.rejects(one.read('before'), { code: 'UNAVAILABLE' })
        await using stand = await openDocumentStore('memory:')
        await using alone = await openSessionMigration({ from: legacy.url, store: stand, trustMs })
        const back = await alone.rollbackWithoutDocuments()
        assert.deepEqual([back.from, back.phase], ['cutover', 'direct'])
        assert.equal((await one.read('before')).json, '1')
        await one.write(write('before', 2))
        assert.equal((await oldRows()).get('before'), '2')
      } finally {
        await one.close()
        await away.close()
      }
      await goTo('cutover')
      same(await oldRows(), await newRows())
      await migration.finish()
      await using stand = await openDocumentStore('memory:')
      await using alone = await openSessionMigration({ from: legacy.url, store: stand, trustMs })
      await assert.rejects(alone.rollbackWithoutDocuments(), { code: 'FAILED_PRECONDITION' })
      await migration.rollback()
    })

    it('goes back some of the way', async () => {
      await goTo('documents')
      for (const to of ['cutover', 'verify', 'backfill', 'dual-write', 'direct'] as const) {
        assert.equal((await migration.rollback({ to })).phase, to)
        assert.equal((await migration.rollback({ to })).changed, false)
      }
    })
  })

  describe('under load', () => {
    before(begin)
    after(end)

    it('loses nothing, shows nothing old, and brings nothing back', async () => {
      let running = true
      const failures: unknown[] = []
      const client = async (number: number): Promise<Map<string, number | undefined>> => {
        const mine = new Map<string, number | undefined>()
        for (let turn = 0; running; turn += 1) {
          const backend = processes[(number + turn) % processes.length] as MigratingBackend
          const key = `client:${number}:${turn % 7}`
          try {
            const { json } = await backend.read(key)
            assert.equal(
              json === undefined ? undefined : (JSON.parse(json) as { turn: number }).turn,
              mine.get(key),
              key,
            )
            if (turn % 11 === 10) {
              await backend.remove(key)
              mine.set(key, undefined)
            } else {
              await backend.write(write(key, { turn, text: 'x'.repeat(200) }))
              mine.set(key, turn)
            }
          } catch (error) {
            failures.push(error)
            running = false
          }
        }
        return mine
      }
      const shadowed = async (): Promise<void> => {
        for (;;) {
          const { shadow } = await migration.status()
          assert.equal(shadow?.different ?? 0, 0)
          if ((shadow?.reads ?? 0) > 0 || !running) return
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
      const clients = Array.from({ length: 16 }, (_, number) => client(number))
      for (const step of [...order, 'back', ...order, 'back'] as const) {
        if (step === 'back') await migration.rollback()
        else await forward[step]()
        if (step === 'verify') await shadowed()
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await goTo('cutover')
      running = false
      const expected = new Map<string, string>()
      for (const mine of await Promise.all(clients)) {
        for (const [key, turn] of mine) {
          if (turn !== undefined) expected.set(key, JSON.stringify({ turn, text: 'x'.repeat(200) }))
        }
      }
      assert.deepEqual(failures, [])
      assert.ok(expected.size > 50)
      same(expected, await oldRows())
      same(expected, await newRows())
    })
  })
})
