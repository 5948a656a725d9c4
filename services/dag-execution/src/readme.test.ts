import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { openLocalEngine } from './engine/local-engine.js'
import { readGraphText } from './graph/parse-graph.js'

const scope = { openDocumentStore, openLocalEngine, readGraphText }

test('the example in the README runs, and leaves nothing running', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const example = /```ts\n((?:import [^\n]+\n)+)([^]+?)```/.exec(readme)?.[2]
  assert.ok(example !== undefined)
  const AsyncFunction = (async () => {}).constructor as new (
    ...source: string[]
  ) => (...values: readonly unknown[]) => Promise<void>
  const printed: unknown[] = []
  const run = new AsyncFunction(...Object.keys(scope), 'console', example)
  await run(...Object.values(scope), { log: (value: unknown) => printed.push(value) })
  assert.deepEqual(printed, [{ all: ['Hello Ada!', 'Hello Bob!'] }])
})
