import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const packageFolder = join(import.meta.dirname, '..')

describe('the example in the README', () => {
  it('runs', async () => {
    const readme = await readFile(join(packageFolder, 'README.md'), 'utf8')
    const [, example] = /```ts\n([\s\S]*?)```/.exec(readme) ?? assert.fail('no example')
    // Beside the package, so that its own name resolves.
    const folder = await mkdtemp(join(packageFolder, 'dist', 'readme-'))
    try {
      const file = join(folder, 'example.mjs')
      await writeFile(file, example ?? '')

      const { PATH = '' } = process.env
      const { stdout } = await run(process.execPath, [file], { env: { PATH }, timeout: 60_000 })
      assert.match(
        stdout,
        /^procedural \d+ a procedural scene: hills, sunset, summer, clear; with balloon\n1 a red balloon over/m,
      )
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
