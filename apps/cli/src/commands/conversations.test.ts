import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { HoldfastProcess } from '@holdfast/test-servers'
import { outputOf, runCli } from '../cli-process.js'

const lines = [
  '{"id":"c1","metadata":{"k":"v"},"title":"One","type":"conversation","userId":"ada"}',
  '{"conversation":"c1","id":"m1","parts":[{"text":"Hello \\u001b[31m","type":"text"}],"role":"user","seq":1,"type":"message"}',
  '{"conversation":"c1","state":{"a":1},"type":"state"}',
  '{"id":"c2","metadata":{},"title":"Two","type":"conversation","userId":"bob"}',
  '',
].join('\n')

let folder: string
let server: HoldfastProcess
let there: readonly string[]

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-conversations-'))
  server = await HoldfastProcess.start(['--database', 'memory:'])
  there = ['--server', server.address]
  await outputOf(['conversations', 'import', ...there], { input: lines })
})

after(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

test('lists all, or those of a user, or some', async () => {
  const list = async (...args: string[]): Promise<{ conversations: { id: string }[]; more: boolean }> =>
    JSON.parse(await outputOf(['conversations', 'list', '--json', ...there, ...args]))
  assert.deepEqual((await list('--all')).conversations.map(({ id }) => id).sort(), ['c1', 'c2'])
  const { conversations, more } = await list('--user', 'ada')
  assert.deepEqual([conversations.map(({ id }) => id), more], [['c1'], false])
  assert.equal((await list('--limit', '1')).more, true)
  assert.match(await outputOf(['conversations', 'list', ...there]), /^conversation {2}user {2}messages .*\nc/)
})

test('shows messages and state, for people without control characters', async () => {
  const text = await outputOf(['conversations', 'show', 'c1', ...there])
  assert.match(text, /^c1 {2}One\nuser ada, 1 messages/)
  assert.match(text, /#1 user.*\nHello {2}\[31m\n\nstate, version 1:\n\{\n {2}"a": 1\n\}\n$/)
  const { conversation, messages, state, stateVersion } = JSON.parse(
    await outputOf(['conversations', 'show', 'c1', '--json', ...there]),
  )
  assert.deepEqual([conversation.id, messages.length, state, stateVersion], ['c1', 1, { a: 1 }, 1])
})

test('exports to standard output and, in one step, to a file', async () => {
  assert.equal(await outputOf(['conversations', 'export', ...there]), lines)
  const file = join(folder, 'out.jsonl')
  await writeFile(file, 'old')
  const { code } = await runCli(['conversations', 'export', 'c1', 'none', '--output', file, ...there])
  assert.equal(code, 66)
  assert.equal(await readFile(file, 'utf8'), 'old')
  const summary = await outputOf(['conversations', 'export', '--output', file, '--json', ...there])
  assert.deepEqual(JSON.parse(summary), { conversations: 2, messages: 1, blobs: 0 })
  assert.equal(await readFile(file, 'utf8'), lines)
  assert.deepEqual(await readdir(folder), ['out.jsonl'])
})

test('deletes for good, and nothing if one of the ids is not there', async () => {
  await outputOf(['conversations', 'import', ...there], { input: lines.replaceAll(/"c(\d)/g, '"d$1') })
  const { code, stderr } = await runCli(['conversations', 'delete', 'd1', 'none', ...there])
  assert.equal(code, 66)
  assert.match(stderr, /^holdfast: NOT_FOUND: .*none/)
  assert.deepEqual(JSON.parse(await outputOf(['conversations', 'delete', 'd1', 'd2', '--json', ...there])), {
    deleted: ['d1', 'd2'],
  })
  const report = JSON.parse(
    await outputOf(['conversations', 'import', '--json', ...there], { input: lines.replaceAll(/"c(\d)/g, '"d$1') }),
  )
  assert.deepEqual([report.created, report.deleted], [0, 2])
})

test('reads no folder that is not there, and makes none', async () => {
  for (const command of ['list', 'export']) {
    const { code, stderr } = await runCli(['conversations', command, '--data', join(folder, 'none')])
    assert.equal(code, 66)
    assert.match(stderr, /^holdfast: NOT_FOUND: There is no data folder .*none/)
  }
  assert.ok(!existsSync(join(folder, 'none')))
})

test('names file and line of what it does not understand', async () => {
  const file = join(folder, 'corrupt.jsonl')
  await writeFile(file, `${lines}{"type":\n`)
  const { code, stderr } = await runCli(['conversations', 'import', file, ...there])
  assert.equal(code, 64)
  assert.match(stderr, /^holdfast: INVALID_ARGUMENT: .*corrupt\.jsonl:5: record is not JSON/)
  await rm(file)
})
