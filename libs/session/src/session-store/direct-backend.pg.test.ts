import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openPostgresDriver, type SqlDriver } from '@holdfast/persistence/sql'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import * as statements from './direct-backend-statements.js'
import { type DirectBackend, openDirectBackend } from './direct-backend.js'
import type { SessionWrite } from './session-backend.js'

describe('the direct backend', () => {
  let database: TestDatabase
  let old: SqlDriver
  let backend: DirectBackend
  let other: DirectBackend

  before(async () => {
    database = await postgresForTests()
    old = await openPostgresDriver(database.url, { maxConnections: 2 })
    // As the old service made it.
    await old.script(`create table sessions (key varchar(255) primary key, value jsonb not null,
      created_at timestamptz default now(), updated_at timestamptz default now());
      create index sessions_updated_at_idx on sessions (updated_at)`)
    backend = await openDirectBackend(database.url, { sweepIntervalMs: 0 })
    other = await openDirectBackend(database.url, { sweepIntervalMs: 0 })
  })

  after(async () => {
    await other.close()
    await backend.close()
    await old.close()
    await database[Symbol.asyncDispose]()
  })

  const write = (key: string, value: unknown, options: Partial<SessionWrite> = {}): SessionWrite => ({
    key,
    value,
    json: JSON.stringify(value),
    ttlMs: undefined,
    ifVersion: undefined,
    ...options,
  })
  const oldWrites = (key: string, text: string): Promise<unknown> =>
    old.query({
      text: `insert into sessions (key, value) values ($1, $2::jsonb)
        on conflict (key) do update set value = excluded.value, updated_at = now()`,
      values: [key, text],
    })
  const oldDeletes = (key: string): Promise<unknown> =>
    old.query({ text: 'delete from sessions where key = $1', values: [key] })
  const oldReads = async (key: string): Promise<unknown> =>
    (await old.query({ text: 'select value::text from sessions where key = $1', values: [key] }))[0]?.[0]
  const valueOf = async (key: string): Promise<unknown> => {
    const { json } = await backend.read(key)
    return json === undefined ? undefined : JSON.parse(json)
  }

  it('reads what the old service wrote, with the text that the table has', async () => {
    await oldWrites('session:a:state', '{"n": 9007199254740993, "f": 1.0, "e": 1e400, "u": "\\ufdd00"}')
    const row = await backend.read('session:a:state')
    assert.equal(row.json, await oldReads('session:a:state'))
    assert.match(row.json ?? '', /9007199254740993/)
    assert.match(row.json ?? '', /1\.0/)
    assert.equal(row.version, 1)
  })

  it('gives what the old service writes and deletes new versions, also behind its back', async () => {
    const key = 'session:b:state'
    assert.equal((await backend.write(write(key, { by: 'new' }))).version, 1)
    await oldWrites(key, '{"by": "old"}')
    const seen = await backend.read(key)
    assert.deepEqual([seen.version, seen.json], [2, '{"by": "old"}'])
    assert.equal((await other.read(key)).version, 2)
    await oldDeletes(key)
    const gone = await other.read(key)
    assert.deepEqual([gone.version, gone.json], [3, undefined])
    await oldWrites(key, '{"by": "old again"}')
    assert.equal((await backend.read(key)).version, 4)
    await assert.rejects(backend.write(write(key, 1, { ifVersion: 2 })), { code: 'ABORTED', reason: 'STALE_VERSION' })
    assert.equal((await backend.write(write(key, { by: 'new' }, { ifVersion: 4 }))).version, 5)
  })

  it('refuses a version that the old service has written over, though nobody has seen that yet', async () => {
    const key = 'session:c:state'
    const { version } = await backend.write(write(key, 1))
    await oldWrites(key, '2')
    await assert.rejects(backend.write(write(key, 3, { ifVersion: version })), { reason: 'STALE_VERSION' })
    assert.equal(await oldReads(key), '2')
    await assert.rejects(backend.write(write('session:a:state', 3, { ifVersion: 0 })), { reason: 'STALE_VERSION' })
  })

  it('lets one of two conditional writers win, over two processes', async () => {
    for (let round = 0; round < 20; round += 1) {
      const key = `race:${round}`
      const { version } = await backend.write(write(key, 'begin'))
      const outcomes = await Promise.allSettled(
        [backend, other, backend, other].map((one, writer) => one.write(write(key, writer, { ifVersion: version }))),
      )
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
      assert.equal((await backend.read(key)).version, version + 1)
    }
  })

  it('never goes back in version while several write and delete one key', async () => {
    const key = 'busy'
    const versions: number[] = []
    const writer = async (one: DirectBackend): Promise<void> => {
      for (let turn = 0; turn < 40; turn += 1) {
        if (turn % 5 === 4) await one.remove(key)
        else versions.push((await one.write(write(key, turn))).version)
      }
    }
    let last = 0
    let done = false
    const reader = async (): Promise<void> => {
      while (!done) {
        const row = await other.read(key)
        assert.ok(row.version >= last, `${row.version} after ${last}`)
        last = row.version
      }
    }
    const reading = reader()
    await Promise.all([writer(backend), writer(other), writer(backend), writer(other)])
    done = true
    await reading
    assert.equal(new Set(versions).size, versions.length)
  })

  it('writes the text that the old service would have written', async () => {
    const context = {
      messages: [
        { id: 'b7a1d1f2-0000-4000-8000-000000000001', role: 1, content: 'Hi', timestamp: 1712345678 },
        { id: 'b7a1d1f2-0000-4000-8000-000000000002', role: 2, content: 'Hello', timestamp: 1712345678.25 },
      ],
    }
    await backend.write(write('session:d:context', context))
    await oldWrites(
      'reference',
      '{"messages": [{"id": "b7a1d1f2-0000-4000-8000-000000000001", "role": 1, "content": "Hi", "timestamp": 1712345678.0}, {"id": "b7a1d1f2-0000-4000-8000-000000000002", "role": 2, "content": "Hello", "timestamp": 1712345678.25}]}',
    )
    assert.equal(await oldReads('session:d:context'), await oldReads('reference'))
    assert.deepEqual(await valueOf('session:d:context'), context)
    await backend.write(
      write('session:d:metadata', { created_at: 1712345678, status: 'active', settings: { max_tokens: 5 } }),
    )
    assert.equal(
      await oldReads('session:d:metadata'),
      '{"status": "active", "settings": {"max_tokens": 5}, "created_at": 1712345678.0}',
    )
  })

  it('keeps what JSONB refuses, and leaves the old service the rest of it', async () => {
    const value = { text: 'a\0b\ud800c\\u0000', key: '\ufdd00' }
    await backend.write(write('nul', value))
    assert.deepEqual(JSON.parse((await other.read('nul')).json ?? ''), value)
    assert.deepEqual(JSON.parse(String(await oldReads('nul'))), {
      text: 'a\ufffdb\ufffdc\\u0000',
      key: '\ufdd00',
    })
    await oldWrites('nul', '{"text": "plain"}')
    assert.deepEqual(await valueOf('nul'), { text: 'plain' })
  })

  it('ends a value with its lifetime, unless the old service has written it anew', async () => {
    const { expiresAt, version } = await backend.write(write('short', 1, { ttlMs: 30 }))
    assert.ok(expiresAt !== undefined)
    await backend.write(write('renewed', 1, { ttlMs: 30 }))
    await oldWrites('renewed', '"by the old service"')
    await new Promise((resolve) => setTimeout(resolve, 60))
    assert.equal((await backend.read('short')).json, undefined)
    assert.ok(!(await backend.keys(undefined, 100)).includes('short'))
    assert.equal(await oldReads('short'), '1')
    assert.equal(await valueOf('renewed'), 'by the old service')
    assert.ok((await backend.write(write('short', 2, { ifVersion: 0, ttlMs: 30 }))).version > version)
    await new Promise((resolve) => setTimeout(resolve, 60))
    assert.deepEqual(await backend.remove('short'), { version: version + 2, existed: false })
    await backend.write(write('short', 3, { ttlMs: 10 }))
    await new Promise((resolve) => setTimeout(resolve, 30))
    assert.equal(await backend.sweep(), 1)
    assert.equal(await oldReads('short'), undefined)
    assert.equal(await valueOf('renewed'), 'by the old service')
  })

  it('lists keys by code points, whatever the order of the database', async () => {
    for (const key of ['list:B', 'list:a', 'list:_', 'list:é', 'list:😀', 'list:\uff61']) await oldWrites(key, '1')
    const keys = (await backend.keys('list:', 6)).filter((key) => key.startsWith('list:'))
    assert.deepEqual(keys, ['list:B', 'list:_', 'list:a', 'list:é', 'list:\uff61', 'list:😀'])
    assert.deepEqual(await backend.keys('list:a', 1), ['list:é'])
  })

  it('says nothing that CockroachDB would not take', async () => {
    // Beside the document store's sources, which do not publish it.
    const rules = new URL('../../../persistence/dist/portability/rules.test.support.js', import.meta.url)
    const { brokenRules } = (await import(rules.href)) as {
      brokenRules: (statement: string) => { readonly name: string; readonly servers: readonly string[] }[]
    }
    const conditions = ['any', 'absent', 'version'] as const
    const made = [true, false].flatMap((isFenced) => [
      ...conditions.map((condition) => statements.writeRows(condition, isFenced)),
      ...[statements.removeRows, statements.sweepRows].map((make) => make(isFenced)),
      ...[true, false].map((withTombstones) => statements.copyRows(isFenced, withTombstones)),
    ])
    const texts = [...Object.values(statements).filter((one) => typeof one === 'string'), ...made]
    assert.equal(texts.length > 20, true)
    const broken = texts.flatMap((text) => brokenRules(text).filter(({ servers }) => servers.includes('CockroachDB')))
    assert.deepEqual(broken, [])
  })

  it('can be opened by many at once on an empty database', async () => {
    await using empty = await postgresForTests()
    const opened = await Promise.all([1, 2, 3, 4].map(() => openDirectBackend(empty.url, { sweepIntervalMs: 0 })))
    await Promise.all(opened.map((one, n) => one.write(write('x', n))))
    assert.equal((await opened[0]?.read('x'))?.version, 4)
    for (const one of opened) await one.close()
  })
})
