import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { outputOf, runCli } from './cli-process.js'

test('prints help and version', async () => {
  assert.match(await outputOf(['--help']), /^Usage: holdfast /)
  assert.match(await outputOf(['help', 'up']), /--listen <host:port>/)
  assert.match(await outputOf(['--version']), /^\d+\.\d+\.\d+\n$/)
})

test('says on one line what is wrong with the command line, suggests what was meant, and ends with 64', async () => {
  for (const [args, message] of [
    [['upp'], "unknown command 'upp' (Did you mean up?)"],
    [['up', '--listn', 'x'], "unknown option '--listn' (Did you mean --listen?)"],
    [['conversations', 'shwo', 'x'], "unknown command 'shwo' (Did you mean show?)"],
    [['conversations', 'show'], "missing required argument 'id'"],
    [['conversations', 'list', '--limit', '-1'], '--limit must be a whole number from 1, not -1'],
    [['up', '--data', 'a', '--database', 'b'], "option '--data <dir>' cannot be used with option '--database <url>'"],
  ] as const) {
    const { code, stdout, stderr } = await runCli(args)
    assert.deepEqual([code, stdout, stderr], [64, '', `holdfast: INVALID_ARGUMENT: ${message}\n`])
  }
})

test('shows stack and causes with --verbose only', async () => {
  const args = ['chat', '--server', '127.0.0.1:1']
  assert.doesNotMatch((await runCli(args)).stderr, /\n {4}at /)
  assert.match((await runCli(['--verbose', ...args])).stderr, /\n {4}at [^]*cause/)
})

test('ends quietly when the reader of its output goes away', async () => {
  const binary = fileURLToPath(new URL('../bin/holdfast.js', import.meta.url))
  const child = spawn(process.execPath, [binary, 'config', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString()
  })
  const [code] = await once(child, 'exit')
  assert.deepEqual([code, complaints], [0, ''])
})
