import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { compileGraph } from '../graph/compile.js'
import { nodeTypeDescriptions } from '../graph/node-types.js'
import { readGraphText } from '../graph/parse-graph.js'
import { testGraph } from './index.js'

const guide = await readFile(new URL('../../../../docs/guides/dag.md', import.meta.url), 'utf8')

test('the graph in the guide is valid', () => {
  const yaml = /```yaml\n([^]+?)```/.exec(guide)?.[1]
  assert.ok(yaml !== undefined)
  compileGraph(readGraphText(yaml))
})

test('the test in the guide prints what it says', () => {
  const example = /```ts\nimport [^\n]+\n([^]+?)```/.exec(guide)?.[1]
  assert.ok(example !== undefined)
  const printed: unknown[][] = []
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (
    ...source: string[]
  ) => (...values: readonly unknown[]) => unknown
  void new AsyncFunction('testGraph', 'console', example)(testGraph, {
    log: (...values: unknown[]) => printed.push(values),
  })
  assert.deepEqual(printed, [['succeeded', { yes: false }, 1]])
})

test('the guide names every type and every port', () => {
  for (const [type, { inputs, outputs }] of Object.entries(nodeTypeDescriptions)) {
    for (const name of [type, ...Object.keys(inputs), ...Object.keys(outputs)])
      assert.ok(guide.includes(`\`${name}\``), `${type}: ${name}`)
  }
})
