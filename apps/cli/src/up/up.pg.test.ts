import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postgresForTests } from '@holdfast/test-servers'
import { CliProcess, runCli } from '../cli-process.js'

const ports = ['--listen', '127.0.0.1:0', '--metrics', 'off']

test('runs on a PostgreSQL server, and prints its address without the password', async () => {
  await using database = await postgresForTests()
  const { password } = new URL(database.url)
  await using server = new CliProcess(['up', '--json', '--database', database.url, ...ports])
  const line = await server.firstLine()
  assert.match(JSON.parse(line).data, /^postgres:\/\/postgres:\*\*\*@127\.0\.0\.1/)
  assert.equal(await server.end('SIGTERM'), 0)
  assert.ok(!line.includes(password) && !server.stderr.includes(password))
})

test('says that the password is wrong, with exit code 77, and does not print it', async () => {
  await using database = await postgresForTests()
  const url = new URL(database.url)
  url.password = 'wrong-password'
  const { code, stdout, stderr } = await runCli(['up', '--database', url.href, ...ports])
  assert.equal(code, 77)
  assert.match(stderr, /^holdfast: UNAUTHENTICATED: /m)
  assert.ok(!`${stdout}${stderr}`.includes('wrong-password'))
})

test('says that no database answers, with exit code 69', async () => {
  const { code, stderr } = await runCli(['up', '--database', 'postgres://u:p@127.0.0.1:1/x', ...ports])
  assert.equal(code, 69)
  assert.match(stderr, /^holdfast: UNAVAILABLE: /m)
})
