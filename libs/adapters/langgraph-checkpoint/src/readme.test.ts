import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

it('runs the example of the README', async () => {
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  const [, example] = /```ts\n([\s\S]*?)```/.exec(readme) ?? assert.fail('no example')
  // Inside the package, so that package names resolve.
  const folder = await mkdtemp(join(import.meta.dirname, 'readme-'))
  try {
    const file = join(folder, 'example.mjs')
    await writeFile(file, example ?? '')
    const { stdout } = await run(process.execPath, [file], { timeout: 60_000 })
    assert.equal(stdout, 'tea yes\n')
  } finally {
    await rm(folder, { recursive: true })
  }
})
