import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../../..')

describe('the example in the README of the repository', () => {
  it('runs, and stores a message once that is appended twice', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8')
    const [, example] = /```ts\n([\s\S]*?)```/.exec(readme) ?? assert.fail('no example')
    // Inside the repository, so that package names resolve.
    const folder = await mkdtemp(join(import.meta.dirname, 'readme-'))
    try {
      const file = join(folder, 'example.mjs')
      await writeFile(file, example ?? '')
      const { stdout } = await run(process.execPath, [file], { cwd: folder, timeout: 60_000 })
      assert.match(stdout, /name: 'Ada', visits: 2/)
      assert.equal(stdout.match(/My dog is called Rex\./g)?.length, 1)
      assert.match(stdout, /seq: 1,/)
      assert.deepEqual(await readdir(folder), ['example.mjs'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('the documents of the repository', () => {
  it('link only to files that are there', async () => {
    const docs = await readdir(join(root, 'docs'), { recursive: true })
    const files = [
      'README.md',
      'CHANGELOG.md',
      ...docs.filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`),
    ]
    const broken: string[] = []
    for (const file of files) {
      const text = await readFile(join(root, file), 'utf8')
      for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (/^[a-z]+:/.test(target)) continue
        const linked = join(root, dirname(file), target)
        if (!existsSync(linked)) broken.push(`${file} links to ${relative(root, linked)}`)
      }
    }
    assert.deepEqual(broken, [])
  })
})
