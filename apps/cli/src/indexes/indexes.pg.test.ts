import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type IndexReport, openDocumentStore } from '@holdfast/persistence'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import { outputOf, runCli } from '../cli-process.js'

let database: TestDatabase

before(async () => {
  database = await postgresForTests()
})

after(() => database[Symbol.asyncDispose]())

const declare = async (...fields: readonly string[]): Promise<void> => {
  await using store = await openDocumentStore(database.url)
  const tickets = store.collection<object>('tickets', { indexes: fields.map((on) => ({ on })) })
  await tickets.put('1', { city: 'Bern', team: 7 })
}

test('shows what is declared and there, with exit code 0', async () => {
  await declare('city', 'team')
  const text = await outputOf(['indexes', '--database', database.url])
  assert.match(
    text,
    /^collection +fields +kind +status +size +scans +name\ntickets +(?:city|team) +ready +\d+ KiB +0 +x_tickets_/,
  )
  assert.match(text, /x_tickets_\w+: has never been used/)
})

test('shows drift with exit code 1, and drops what is not declared any more', async () => {
  await declare('city', 'team')
  await declare('city')
  const drifted = await runCli(['indexes', '--json', '--database', database.url])
  assert.equal(drifted.code, 1)
  const report = JSON.parse(drifted.stdout) as IndexReport & { readonly ok: boolean }
  assert.equal(report.ok, false)
  const [ready, undeclared] = ['ready', 'undeclared'].map((wanted) =>
    report.indexes.find(({ status }) => status === wanted),
  )
  assert.deepEqual([ready?.on, undeclared?.on], [['city'], ['team']])
  const forbidden = await runCli(['indexes', '--drop', ready?.name ?? '', '--database', database.url])
  assert.equal(forbidden.code, 78)
  assert.match(forbidden.stderr, /^holdfast: FAILED_PRECONDITION: The index x_tickets_\w+ is declared for tickets/)
  const people = await runCli(['indexes', '--database', database.url])
  assert.equal(people.code, 1)
  assert.match(people.stdout, /is not declared any more: holdfast indexes --drop x_tickets_/)
  const dropped = await runCli(['indexes', '--drop', undeclared?.name ?? '', '--database', database.url])
  assert.equal(dropped.code, 0)
  assert.doesNotMatch(dropped.stdout, /team/)
})

test('shows what queries without an index have cost, and what would serve them', async () => {
  {
    await using store = await openDocumentStore(database.url)
    const tickets = store.collection<object>('slow')
    await tickets.insertMany(Array.from({ length: 5_000 }, (_, n) => ({ data: { n, tags: ['a', 'b', 'c'] } })))
    for (let n = 0; n < 40; n += 1) await tickets.find({ n }, { sort: { at: -1 } }).toArray()
  }
  const text = await outputOf(['indexes', '--collection', 'slow', '--database', database.url])
  assert.match(text, /No indexes are declared\.\n\nQueries that no index serves:\ncollection +calls/)
  assert.match(text, /\nslow +40 +\d+ +n = +at ↓ +\{"on":\["n","at"\]\}/)
})

test('says that there is no such folder', async () => {
  const { code, stderr } = await runCli(['indexes', '--data', 'no-such-folder'])
  assert.equal(code, 66)
  assert.match(stderr, /^holdfast: NOT_FOUND: There is no data folder/)
})
