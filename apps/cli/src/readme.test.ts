import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { errorCodes } from '@holdfast/errors'
import { openContext } from './command-context.js'
import { exitCodeOf } from './exit-codes.js'
import { createProgram } from './program.js'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

test('the example in the README runs', async () => {
  const example = /```sh\n([^]+?)```/.exec(readme)?.[1]
  assert.ok(example !== undefined)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-readme-'))
  try {
    await symlink(fileURLToPath(new URL('../bin/holdfast.js', import.meta.url)), join(folder, 'holdfast'))
    const env = { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH']}` }
    const { stdout } = await promisify(execFile)('sh', ['-e', '-c', example], { cwd: folder, env })
    assert.match(stdout, /^1 conversations \(1 new\), 1 messages \(1 new\), 1 changes of state/)
    assert.match(stdout, /#1 user.*\nA table for two\./)
    const shown = /```json\n([^]+?)```/.exec(readme)?.[1]
    assert.equal(await readFile(join(folder, 'second.jsonl'), 'utf8'), shown)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('the README names every command, option and exit code', () => {
  const missing: string[] = []
  const look = (command: Command): void => {
    const names = [
      command.name(),
      ...command.options.flatMap(({ long }) => (long === null || long === undefined ? [] : [long])),
    ]
    missing.push(...names.filter((name) => name !== '--version' && !readme.includes(name)))
    command.commands.forEach(look)
  }
  look(createProgram(openContext()))
  assert.deepEqual(missing, [])
  for (const code of errorCodes) assert.match(readme, new RegExp(`^\\| ${exitCodeOf(code)} .*\`${code}\``, 'm'))
})
