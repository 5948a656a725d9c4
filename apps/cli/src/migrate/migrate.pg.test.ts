import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { openPostgresDriver, type SqlDriver } from '@holdfast/persistence/sql'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { outputOf, runCli, runCliProcess } from '../cli-process.js'

let legacy: TestDatabase
let fresh: TestDatabase
let old: SqlDriver

before(async () => {
  legacy = await postgresForTests()
  fresh = await postgresForTests()
  old = await openPostgresDriver(legacy.url, { maxConnections: 1 })
  await old.script(`create table sessions (key varchar(255) primary key, value jsonb not null,
    created_at timestamptz default now(), updated_at timestamptz default now());
    create index on sessions (updated_at);
    insert into sessions (key, value) select 'session:' || n || ':state', jsonb_build_object('n', n) from generate_series(1, 300) n`)
})

after(async () => {
  await old.close()
  await legacy[Symbol.asyncDispose]()
  await fresh[Symbol.asyncDispose]()
})

const step = (...args: string[]): string[] => [
  'migrate',
  'sessions',
  ...args,
  '--from',
  legacy.url,
  '--database',
  fresh.url,
]

test('goes step by step, and says what is so and what comes next', async () => {
  const said = async (...args: string[]): Promise<string> => outputOf(step(...args))
  assert.match(
    await said('plan'),
    /^The phase is direct\.\nThe old table has 300 sessions \(0 contexts, 300 states, 0 metadata, 0 others\).*\nThere are 0 documents\.\nNext: .* dual-write\n$/,
  )
  assert.match(await said('dual-write'), /^The phase is dual-write: .*\nNext: .* backfill\n$/)
  assert.match(
    await said('backfill', '--rate', '5000'),
    /^Looked at 300 sessions and made 300 copies, in .*\nNext: .* verify\n$/,
  )
  assert.match(
    await said('verify'),
    /: 0 differed, 0 copies were missing\.\nDigest [0-9a-f]{32} in both\.\n.*\nNext: .* cutover\n$/,
  )
  assert.match(
    await said('cutover'),
    /^The phase is cutover: .*\nWrites waited for \d+ ms, 0 copies were made\.\nNext: .* finish\n$/,
  )
  assert.match(await said('finish'), /^The phase is documents: /)
  {
    await using store = await openDocumentStore(fresh.url)
    assert.deepEqual((await store.collection('sessions').get('session:7:state'))?.data, { value: { n: 7 } })
  }
  assert.match(
    await said('status'),
    /^The phase is documents\.\nbackfill: 300 sessions, 300 copies\nverify: 300 sessions, 0 differed/,
  )
  assert.match(await said('rollback'), /^Back from documents: the phase is direct\.\n/)
})

test('prints one JSON object, and takes the databases from the environment', async () => {
  const environment = { HOLDFAST_MIGRATE_FROM: legacy.url, HOLDFAST_DATABASE_URL: fresh.url }
  const { stdout } = await runCliProcess(['migrate', 'sessions', 'plan', '--json'], { environment })
  const { phase, sessions, seconds } = JSON.parse(stdout) as Record<string, unknown>
  assert.deepEqual([phase, sessions, typeof seconds], ['direct', 300, 'number'])
})

test('makes conversations of sessions, and writes them back', async () => {
  await old.script(`insert into sessions (key, value) values ('session:talk:context',
    '{"messages": [{"id": "5f0c3c54-1111-4222-8333-444455556666", "role": 1, "content": "A table for two.", "timestamp": 1712345678.0}]}'),
    ('session:odd one:context', '{"messages": []}')`)
  const converting = ['migrate', 'conversations', 'convert', '--from', legacy.url, '--database', fresh.url]
  const said = await outputOf(converting)
  assert.match(said, /^301 conversations with 1 messages, in .*\nstays a session: odd one: /)
  assert.match(await outputOf(['conversations', 'show', 'talk', '--database', fresh.url]), /A table for two\./)
  const back = ['migrate', 'conversations', 'write-back', '--json', '--from', legacy.url, '--database', fresh.url]
  const { written, deleted } = JSON.parse(await outputOf(back)) as Record<string, unknown>
  assert.deepEqual([written, deleted], [0, 0])
  await old.script(`delete from sessions where key like 'session:%:context'`)
})

test('refuses what does not follow, and says what does', async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await runCli(step(...args))
    assert.equal(code, 78, stderr)
    return stderr
  }
  assert.match(
    await refused('cutover'),
    /^holdfast: FAILED_PRECONDITION: The migration is at direct, where there is no cutover/,
  )
  assert.match(await refused('backfill'), /follows dual-write/)
  const { code, stderr } = await runCli(step('rollback', '--to', 'the-beginning'))
  assert.equal(code, 64)
  assert.match(stderr, /--to/)
  assert.equal((await runCli(['migrate', 'sessions', 'plan'])).code, 64)
})
