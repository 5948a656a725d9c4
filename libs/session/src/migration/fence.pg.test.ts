import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { openPostgresDriver, type SqlDriver } from '@holdfast/persistence/sql'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { type MigratingBackend, openMigratingBackend } from '../session-store/migrating-backend.js'
import type { StoredSession } from '../session-store/documents-backend.js'
import { fenceId, fences } from './phase.js'
import { openSessionMigration, type SessionMigration } from './session-migration.js'

const trustMs = 60

describe('a write under a phase that has ended', () => {
  let legacy: TestDatabase
  let fresh: TestDatabase
  let old: SqlDriver
  let store: DocumentStore
  let migration: SessionMigration
  let backend: MigratingBackend

  before(async () => {
    legacy = await postgresForTests()
    fresh = await postgresForTests()
    old = await openPostgresDriver(legacy.url, { maxConnections: 3 })
    store = await openDocumentStore(fresh.url)
    migration = await openSessionMigration({ from: legacy.url, store, trustMs })
    backend = await openMigratingBackend(legacy.url, store, { trustMs })
  })

  after(async () => {
    await backend.close()
    await migration.close()
    await store.close()
    await old.close()
    await legacy[Symbol.asyncDispose]()
    await fresh[Symbol.asyncDispose]()
  })

  const toVerify = async (): Promise<void> => {
    await migration.dualWrite()
    await migration.backfill()
    await migration.verify()
  }
  const write = (key: string, value: unknown) => ({
    key,
    value,
    json: JSON.stringify(value),
    ttlMs: undefined,
    ifVersion: undefined,
  })
  const valuesOf = async (key: string): Promise<unknown[]> => {
    const [row] = await old.query({ text: 'select value::text from sessions where key = $1', values: [key] })
    const document = await store.collection<StoredSession>('sessions').get(key)
    return [row === undefined ? undefined : JSON.parse(String(row[0])), document?.data.value]
  }

  it('is waited for in the legacy database, where it holds the row of the phase', async () => {
    await toVerify()
    await backend.write(write('slow', 'before'))
    let isThrough = false
    const cutover = gate()
    let slow: Promise<unknown> | undefined
    await old.transaction(async (connection) => {
      await connection.query({ text: `select 1 from sessions where key = 'slow' for update`, values: [] })
      slow = backend.write(write('slow', 'after'))
      await delay(100)
      void migration.cutover().then(
        () => {
          isThrough = true
          cutover.resolve()
        },
        (error: unknown) => cutover.reject(error),
      )
      await delay(400)
      assert.equal(isThrough, false)
    })
    await slow
    await cutover.promise
    assert.deepEqual(await valuesOf('slow'), ['after', 'after'])
    assert.equal((await migration.status()).phase, 'cutover')
  })

  it('is not committed among the documents, though it read the fence before that was raised', async () => {
    await backend.write(write('late', 'before'))
    const { epoch } = await migration.status()
    const isWritten = gate()
    const isRolledBack = gate()
    const seen: (number | undefined)[] = []
    // What the backend does, with a stop in between.
    const late = store.transaction(async (tx) => {
      const fence = (await fences(tx, 'sessions').get(fenceId))?.data.epoch
      seen.push(fence)
      if (fence !== epoch) return 'over'
      await tx.collection<StoredSession>('sessions').put('late', { value: 'after' })
      isWritten.resolve()
      await isRolledBack.promise
      return 'written'
    })
    await isWritten.promise
    await migration.rollback()
    isRolledBack.resolve()
    assert.equal(await late, 'over')
    assert.equal(seen[0], epoch)
    assert.ok(seen.length >= 2)
    assert.deepEqual(await valuesOf('late'), ['before', 'before'])
  })

  it('goes to the new phase when its process wakes up', async () => {
    for (const [round, stop] of ['verify', 'cutover'].entries()) {
      const name = `stopped${round}`
      await toVerify()
      if (stop === 'cutover') await migration.cutover()
      const program = join(import.meta.dirname, 'fence.test.child.js')
      const child = spawn(process.execPath, [program, legacy.url, fresh.url, name, String(trustMs)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        const acknowledged = new Map<string, number>()
        let lines = 0
        createInterface({ input: child.stdout }).on('line', (line) => {
          const [key = '', value] = line.split(' ')
          acknowledged.set(key, Number(value))
          lines += 1
        })
        while (lines < 40) await delay(5)
        child.kill('SIGSTOP')
        if (stop === 'verify') await migration.cutover()
        else await migration.rollback()
        // What it may have on its way comes late.
        await backend.write(write(`${name}:0`, 1_000_000))
        assert.deepEqual((await backend.read(`${name}:0`)).json, '1000000')
        const before = lines
        child.kill('SIGCONT')
        while (lines < before + 40) await delay(5)
        child.kill('SIGSTOP')
        child.kill('SIGKILL')
        await once(child, 'exit')
        for (const [key, value] of acknowledged) {
          const now = JSON.parse((await backend.read(key)).json ?? '0') as number
          assert.ok(now >= value, `${key} is ${now}, though ${value} was acknowledged`)
        }
        await migration.rollback()
        await toVerify()
        for (const key of acknowledged.keys()) {
          const [inTable, inDocuments] = await valuesOf(key)
          assert.equal(inTable, inDocuments)
        }
        await migration.rollback()
      } finally {
        child.kill('SIGKILL')
      }
    }
  })

  it('waits no longer than a hold may last, when the command that holds has died', async () => {
    await toVerify()
    const { epoch } = await migration.status()
    await old.query({
      text: `update holdfast_session_phase set epoch = epoch + 1, held_for = 'cutover', hold_until = now() + interval '400 ms' where id = 1`,
      values: [],
    })
    const startedAt = performance.now()
    await backend.write(write('held', 1))
    assert.ok(performance.now() - startedAt > 200)
    const status = await migration.status()
    assert.deepEqual([status.phase, status.heldFor], ['verify', undefined])
    assert.ok(status.epoch > epoch + 1)
    await migration.rollback()
  })
})

function gate(): {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
} {
  let settle: { resolve: () => void; reject: (error: unknown) => void } | undefined
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject: (error) => reject(error) }
  })
  return { promise, resolve: () => settle?.resolve(), reject: (error) => settle?.reject(error) }
}
