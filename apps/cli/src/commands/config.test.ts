import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { outputOf, runCli } from '../cli-process.js'

let folder: string
let file: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'))
  file = join(folder, 'holdfast.yml')
  await writeFile(file, 'listen: 127.0.0.1:7000\nlimits:\n  drainMs: 5\ndatabaseUrl: postgres://u:file-secret@h/db\n')
})

after(() => rm(folder, { recursive: true, force: true }))

interface Shown {
  readonly key: string
  readonly value: unknown
  readonly from: string
  readonly name: string
}

async function shown(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Map<string, Shown>> {
  const { settings } = JSON.parse(await outputOf(['config', '--json', ...args], { environment, folder }))
  return new Map(settings.map((setting: Shown) => [setting.key, setting]))
}

test('says where each value comes from: flags before the environment, the environment before the file', async () => {
  const settings = await shown(['--config', file, '--metrics', 'off'], { HOLDFAST_LISTEN: '127.0.0.1:8000' })
  const origin = (key: string): unknown[] => {
    const { value, from, name } = settings.get(key) ?? {}
    return [value, from, name]
  }
  assert.deepEqual(origin('listen'), ['127.0.0.1:8000', 'environment', 'HOLDFAST_LISTEN'])
  assert.deepEqual(origin('limits.drainMs'), [5, 'file', file])
  assert.deepEqual(origin('metrics.enabled')[0], false)
  assert.deepEqual(origin('metrics.enabled')[1], 'flag')
  assert.deepEqual(origin('log.level'), ['info', 'default', ''])
})

test('masks secrets, in both forms', async () => {
  const environment = { HOLDFAST_MODEL_API_KEY: 'sk-env-secret' }
  for (const args of [['--json'], []]) {
    const { code, stdout, stderr } = await runCli(['config', '--config', file, ...args], { environment, folder })
    assert.equal(code, 0)
    assert.match(stdout, /postgres:\/\/u:\*\*\*@h\/db/)
    assert.doesNotMatch(`${stdout}${stderr}`, /secret/)
  }
})

test('takes a folder that is named on the command line before a database that is not', async () => {
  const environment = { HOLDFAST_DATABASE_URL: 'postgres://u:p@h/db' }
  const settings = await shown(['--data', 'here'], environment)
  assert.equal(settings.get('databaseUrl')?.value, 'embedded:here')
  assert.equal(settings.get('dataFolder')?.value, 'here')
})
