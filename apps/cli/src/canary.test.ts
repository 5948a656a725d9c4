import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const canary = pathToFileURL(join(import.meta.dirname, '..', '..', '..', 'build', 'canary.mjs')).href
const server = import.meta.resolve('@holdfast/server')

// What watches all test runs for secrets has to find them: a watch that finds nothing would look the same as one that is blind.
test('a secret in a log, on standard error or on standard output is found; one that the logger removes is not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-canary-'))
  const key = `hfk_0123456789abcdef_${'k'.repeat(43)}`
  try {
    for (const [written, found] of [
      [
        `(await import('${server}')).createLogger().info({ url: 'postgres://u:hush-7@h/d' }, 'x')`,
        /^a password on standard error/,
      ],
      [
        `(await import('${server}')).createLogger({ secrets: ['hush-7'] }).info({ url: 'postgres://u:hush-7@h/d' }, 'x')`,
        /^$/,
      ],
      [`console.log('it is hush-7')`, /^a password on standard output of .*: it is \*\*\*\n$/],
      [`process.stderr.write('it is hush-7')`, /^a password on standard error/],
      [`console.error('${key}')`, /^hfk_0123 on standard error of .*: \*\*\*\n$/],
      [`console.log('${key}')`, /^$/],
      [`console.error('nothing of note')`, /^$/],
    ] as const) {
      const file = join(folder, 'finds')
      const env = { ...process.env, HOLDFAST_TEST_SECRET: 'hush-7', HOLDFAST_TEST_FINDS: file, NODE_OPTIONS: '' }
      const args = ['--import', canary, '--input-type=module', '--eval', written]
      await promisify(execFile)(process.execPath, args, { env })
      assert.match(await readFile(file, 'utf8').catch(() => ''), found, written)
      await rm(file, { force: true })
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})
