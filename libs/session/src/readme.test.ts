import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

it('runs the examples of the README', async () => {
  const readme = await readFile(join(import.meta.dirname, '../README.md'), 'utf8')
  const examples = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, example]) => example ?? '')
  // Inside the package, so that package names resolve.
  const folder = await mkdtemp(join(import.meta.dirname, 'readme-'))
  try {
    const printed: string[] = []
    for (const [n, example] of examples.entries()) {
      const file = join(folder, `example-${n}.mjs`)
      await writeFile(file, example)
      printed.push((await run(process.execPath, [file], { timeout: 60_000 })).stdout)
    }
    assert.deepEqual(printed, [
      'text nine.\nend undefined\n1 user When does it leave?\n2 assistant At nine.\n',
      "{ from: 'Paris' }\n",
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
})
