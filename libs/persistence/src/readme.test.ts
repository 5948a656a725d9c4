import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'
import { examplesOf, runExample } from '@holdfast/test-servers'

const root = join(import.meta.dirname, '../../..')

describe('the example in the README of the repository', () => {
  it('runs, and stores a message once that is appended twice', async () => {
    const [example = ''] = await examplesOf(join(root, 'README.md'))
    const printed = await runExample(example, import.meta.dirname)
    assert.match(printed, /name: 'Ada', visits: 2/)
    assert.equal(printed.match(/My dog is called Rex\./g)?.length, 1)
    assert.match(printed, /seq: 1,/)
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
