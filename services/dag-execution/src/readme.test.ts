import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { examplesOf, runExampleHere } from '@holdfast/test-servers'
import { openLocalEngine } from './engine/local-engine.js'
import { readGraphText } from './graph/parse-graph.js'

const scope = { openDocumentStore, openLocalEngine, readGraphText }

test('the example in the README runs, and leaves nothing running', async () => {
  const [example = ''] = await examplesOf(new URL('../README.md', import.meta.url))
  const printed = await runExampleHere(example, scope)
  assert.deepEqual(printed, [[{ all: ['Hello Ada!', 'Hello Bob!'] }]])
})
