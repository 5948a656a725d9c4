import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { livenessOf, thisProcess } from './process-identity.js'

const skip = existsSync('/proc/self/stat') ? false : 'there is no /proc here'

test('this process runs, and one that had its id before is gone', { skip }, () => {
  assert.equal(livenessOf(thisProcess()), 'running')
  assert.equal(livenessOf({ ...thisProcess(), startedAt: '1' }), 'gone')
})

test('a process that is dead, but that its parent never waits for, is gone', { skip }, async () => {
  // `exec` replaces the shell by a program that knows nothing of the shell's child.
  const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const [line] = await once(parent.stdout, 'data')
    const { startedAt: _, ...here } = thisProcess()
    const child = { ...here, pid: Number(String(line)) }
    while (livenessOf(child) === 'running') await new Promise((resolve) => setImmediate(resolve))
    assert.equal(livenessOf(child), 'gone')
    assert.ok(process.kill(child.pid, 0), 'its id is still taken')
  } finally {
    parent.kill()
    await once(parent, 'exit')
  }
})
