import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

for (const [name, file, expected] of [
  [
    'the README',
    '../README.md',
    ['true true\n1 queued\n2 started\n3 progress\n4 output\n5 succeeded\nposter capitals GOOD MORNING\n'],
  ],
  ['the guide', '../../../docs/guides/jobs.md', ['failed 3 UNAVAILABLE\n', 'cancelled true\n']],
] as const) {
  it(`runs the examples of ${name}`, async () => {
    const text = await readFile(join(import.meta.dirname, file), 'utf8')
    const examples = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, example]) => example ?? '')
    // Inside the package, so that package names resolve.
    const folder = await mkdtemp(join(import.meta.dirname, 'readme-'))
    try {
      const printed: string[] = []
      for (const [n, example] of examples.entries()) {
        const script = join(folder, `example-${n}.mts`)
        const compiled = join(folder, `example-${n}.mjs`)
        await writeFile(script, example)
        const flags = ['--target', 'es2022', '--module', 'nodenext', '--skipLibCheck', '--noCheck', '--ignoreConfig']
        await run(join(import.meta.dirname, '../../../node_modules/.bin/tsc'), [...flags, script])
        printed.push((await run(process.execPath, [compiled], { timeout: 60_000 })).stdout)
      }
      assert.deepEqual(printed, expected)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
}
