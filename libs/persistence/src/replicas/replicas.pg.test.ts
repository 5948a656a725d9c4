import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type PostgresServer, postgresForTests, startPostgres } from '@holdfast/test-servers'
import { Client } from 'pg'
import type { DocumentStore } from '../document-store.js'
import { openDocumentStore } from '../open.js'

describe('reads from a streaming replica', () => {
  let primary: PostgresServer
  let replica: PostgresServer
  let url: string
  let store: DocumentStore

  before(async () => {
    primary = await startPostgres({ settings: { fsync: 'off' } })
    url = await primary.createDatabase()
    replica = await primary.startReplica()
    const replicaUrl = new URL(replica.url)
    replicaUrl.pathname = new URL(url).pathname
    store = await openDocumentStore(url, { replicaUrls: [replicaUrl.href] })
  })
  after(async () => {
    await store.close()
    await replica.stop()
    await primary.stop()
  })

  /** With the replica standing still: it alone can answer what the primary no longer holds. */
  async function assertAnsweredByReplica(id: string): Promise<void> {
    const notes = store.collection<{ n: number }>('notes')
    await notes.put(id, { n: 1 })
    for (let waited = 0; (await notes.get(id, { maxStalenessMs: 100 }))?.data.n !== 1 || waited < 500; waited += 50)
      await delay(50)
    await onReplica('select pg_wal_replay_pause()')
    try {
      await notes.get(id, { maxStalenessMs: 60_000 })
      await notes.put(id, { n: 2 })
      assert.equal((await notes.get(id, { maxStalenessMs: 60_000 }))?.data.n, 1)
      assert.equal((await notes.get(id))?.data.n, 2)
      assert.equal(await notes.count({ _id: id, n: 1 }, { maxStalenessMs: 60_000 }), 1)
      assert.equal((await notes.findOne({ _id: id, n: 1 }, { maxStalenessMs: 60_000 }))?.data.n, 1)
    } finally {
      await onReplica('select pg_wal_replay_resume()')
    }
  }

  async function onReplica(text: string): Promise<void> {
    const control = new Client({ connectionString: replica.url })
    await control.connect()
    await control.query(text)
    await control.end()
  }

  it('are answered by the replica when it is fresh enough', () => assertAnsweredByReplica('seen-on-replica'))

  it('never lack what is older than they allow, and default to the primary, under a replica that stands still', async () => {
    const notes = store.collection<{ n: number }>('notes')
    await onReplica('select pg_wal_replay_pause()')
    try {
      const maxStalenessMs = 300
      for (let n = 0; n < 10; n += 1) {
        await notes.put('moving', { n })
        const writtenAt = performance.now()
        assert.equal((await notes.get('moving'))?.data.n, n)
        const stale = await notes.get('moving', { maxStalenessMs })
        if (performance.now() - writtenAt > maxStalenessMs) assert.ok((stale?.data.n ?? -1) >= n)
        await delay(maxStalenessMs + 50)
        assert.equal((await notes.get('moving', { maxStalenessMs }))?.data.n, n)
        assert.equal(await notes.count({ _id: 'moving', n }, { maxStalenessMs }), 1)
      }
    } finally {
      await onReplica('select pg_wal_replay_resume()')
    }
  })

  it('see a table that the replica does not have yet on the primary', async () => {
    const fresh = store.collection<{ n: number }>('made-just-now')
    // Otherwise it may have the table already and not yet the document, which is as old as the reader allows.
    await onReplica('select pg_wal_replay_pause()')
    try {
      await fresh.put('a', { n: 1 })
      assert.deepEqual(
        (await fresh.find({}, { maxStalenessMs: 60_000 }).toArray()).map(({ data }) => data),
        [{ n: 1 }],
      )
    } finally {
      await onReplica('select pg_wal_replay_resume()')
    }
  })

  it('are answered by the primary while the replica is away, and by the replica again when it is back', async () => {
    const notes = store.collection<{ n: number }>('notes')
    await replica.kill()
    for (let n = 0; n < 10; n += 1) {
      await notes.put('meanwhile', { n })
      await delay(30)
      assert.equal((await notes.get('meanwhile', { maxStalenessMs: 20 }))?.data.n, n)
    }
    await replica.restart()
    await delay(1_500)
    await assertAnsweredByReplica('seen-again')
  })

  it('go to the primary after the replica was promoted', async () => {
    const notes = store.collection<{ n: number }>('notes')
    await onReplica('select pg_promote(true, 30)')
    const maxStalenessMs = 200
    await delay(2 * maxStalenessMs)
    for (let n = 100; n < 105; n += 1) {
      await notes.put('note-1', { n })
      await delay(maxStalenessMs + 50)
      assert.equal((await notes.get('note-1', { maxStalenessMs }))?.data.n, n)
    }
  })

  it('are refused inside a transaction and with a staleness that is no positive number', async () => {
    const refused = { code: 'INVALID_ARGUMENT', message: /maxStalenessMs/ }
    await assert.rejects(
      store.transaction((tx) => tx.collection('notes').get('a', { maxStalenessMs: 5 })),
      refused,
    )
    for (const maxStalenessMs of [0, -1, Number.NaN, '5' as unknown as number]) {
      await assert.rejects(store.collection('notes').get('a', { maxStalenessMs }), refused)
    }
  })

  it('need no replica: a store without one answers from the primary', async () => {
    await using database = await postgresForTests()
    await using alone = await openDocumentStore(database.url)
    await alone.collection('c').put('a', 1)
    assert.equal((await alone.collection('c').get('a', { maxStalenessMs: 1_000 }))?.data, 1)
  })
})
