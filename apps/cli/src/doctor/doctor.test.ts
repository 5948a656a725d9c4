import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { HoldfastProcess, startPacedModel } from '@holdfast/test-servers'
import { type CliOptions, runCli } from '../cli-process.js'
import type { Check } from './check.js'
import { checkNode } from './check-node.js'

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-doctor-'))
})

after(() => rm(folder, { recursive: true, force: true }))

/** `data: ok` and so on, with what doctor said. */
async function examine(
  args: readonly string[],
  options: CliOptions = {},
): Promise<{ code: number | null; checks: Map<string, Check> }> {
  const { code, stdout } = await runCli(['doctor', '--json', ...args], { folder, ...options })
  const { ok, checks }: { ok: boolean; checks: Check[] } = JSON.parse(stdout)
  assert.equal(ok, code === 0)
  return { code, checks: new Map(checks.map((check) => [check.name, check])) }
}

test('finds nothing to complain about where nothing runs yet, and makes no folder', async () => {
  const { code, checks } = await examine(['--data', 'fresh', '--server', '127.0.0.1:1'])
  assert.equal(code, 1)
  assert.match(checks.get('data')?.detail ?? '', /fresh is not there yet/)
  assert.equal(checks.get('server')?.status, 'fail')
  const { code: unasked, checks: others } = await examine(['--data', 'fresh'], {
    environment: { HOLDFAST_LISTEN: '127.0.0.1:1' },
  })
  assert.equal(unasked, 0)
  assert.equal(others.get('server')?.status, 'warn')
  assert.match(others.get('model')?.detail ?? '', /^recall/)
})

test('tells of a running server and of the owner of its folder', async () => {
  const data = join(folder, 'served')
  await using server = await HoldfastProcess.start(['--data', data])
  const { code, checks } = await examine(['--data', data, '--server', server.address])
  assert.equal(code, 0)
  assert.match(checks.get('data')?.detail ?? '', /is in use by process \d+/)
  assert.match(checks.get('server')?.detail ?? '', /serves/)
  await server.stop()
  const { checks: stopped } = await examine(['--data', data])
  assert.match(stopped.get('data')?.detail ?? '', /PGlite.*schema \d+/)
})

test('fails, with what to do, about a database, a folder and a model that cannot be used', async () => {
  const file = join(folder, 'a-file')
  await writeFile(file, '')
  await mkdir(join(folder, 'other'))
  await writeFile(join(folder, 'other', 'letter.txt'), '')
  await using model = await startPacedModel(['x'], 1)
  const environment = { HOLDFAST_MODEL_BASE_URL: `${model.baseUrl}/nowhere`, HOLDFAST_MODEL_API_KEY: 'sk-very-secret' }
  for (const [args, name, code] of [
    [['--database', 'postgres://user:very-secret@127.0.0.1:1/x'], 'database', 'UNAVAILABLE'],
    [['--data', file], 'data', 'FAILED_PRECONDITION'],
    [['--data', join(folder, 'other')], 'data', 'FAILED_PRECONDITION'],
  ] as const) {
    const result = await runCli(['doctor', ...args], { folder })
    assert.equal(result.code, 1)
    assert.match(result.stdout, new RegExp(`^fail +${name} +${code}: `, 'm'))
    assert.doesNotMatch(result.stdout, /very-secret/)
  }
  const half = await examine(['--data', 'fresh'], { environment })
  assert.equal(half.checks.get('model')?.status, 'fail')
  assert.doesNotMatch(JSON.stringify([...half.checks]), /very-secret/)
})

test('fails about a wrong configuration, and warns of variables that nobody reads', async () => {
  const wrong = await examine([], { environment: { HOLDFAST_LISTEN: 'nowhere' } })
  assert.equal(wrong.code, 1)
  assert.match(wrong.checks.get('configuration')?.detail ?? '', /HOLDFAST_LISTEN must be HOST:PORT/)
  const typo = await examine(['--data', 'fresh'], { environment: { HOLDFAST_LISTNE: '127.0.0.1:1' } })
  assert.equal(typo.checks.get('configuration')?.status, 'warn')
  assert.match(typo.checks.get('configuration')?.detail ?? '', /did you mean HOLDFAST_LISTEN\?/)
})

test('knows which Node.js is too old', () => {
  assert.deepEqual(
    ['18.20.0', '20.18.9', '20.19.0', '22.0.0'].map((version) => checkNode(version).status),
    ['fail', 'fail', 'ok', 'ok'],
  )
})
