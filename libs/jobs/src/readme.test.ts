import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'
import { examplesOf, runExample } from '@holdfast/test-servers'

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
    const printed: string[] = []
    for (const example of await compiled(await examplesOf(new URL(file, import.meta.url)))) {
      printed.push(await runExample(example, import.meta.dirname))
    }
    assert.deepEqual(printed, expected)
  })
}

/** Node 20 knows no `await using`, and no types. */
async function compiled(examples: readonly string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-readme-'))
  try {
    const files = examples.map((_, n) => join(folder, `example-${n}.mts`))
    await Promise.all(files.map((file, n) => writeFile(file, examples[n] ?? '')))
    const flags = ['--target', 'es2022', '--module', 'nodenext', '--skipLibCheck', '--noCheck', '--ignoreConfig']
    await run(join(import.meta.dirname, '../../../node_modules/.bin/tsc'), [...flags, ...files])
    return await Promise.all(files.map((file) => readFile(file.replace(/mts$/, 'mjs'), 'utf8')))
  } finally {
    await rm(folder, { recursive: true })
  }
}
