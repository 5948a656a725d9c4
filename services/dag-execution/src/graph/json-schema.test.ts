import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { Validator } from '@cfworker/json-schema'
import { randomGraph, randomNumbers } from '../run/random-graph.js'
import { compileGraph } from './compile.js'
import { graphJsonSchema } from './json-schema.js'
import { readGraphText } from './parse-graph.js'

const published = JSON.parse(readFileSync(new URL('../../schema/graph.schema.json', import.meta.url), 'utf8')) as object
const validator = new Validator(published, '2020-12')
const folder = new URL('../../examples/', import.meta.url)

describe('the JSON Schema of graphs', () => {
  it('is published as the code has it', () => {
    assert.deepEqual(published, JSON.parse(JSON.stringify(graphJsonSchema())))
  })

  for (const file of readdirSync(folder)) {
    it(`lets ${file} through, which compiles`, () => {
      const graph = readGraphText(readFileSync(new URL(file, folder), 'utf8'))
      const { valid, errors } = validator.validate(graph)
      assert.ok(valid, JSON.stringify(errors.at(-1)))
      compileGraph(graph)
    })
  }

  it('lets random graphs through', () => {
    for (let seed = 0; seed < 30; seed += 1) {
      const graph = randomGraph(randomNumbers(seed), { nodes: 12 })
      assert.ok(validator.validate(graph).valid, `seed ${seed}`)
    }
  })

  const node = { id: 'a', type: 'chat', with: { prompt: 'x' } }
  const bad: readonly [string, unknown][] = [
    ['no nodes', { name: 'g', nodes: [] }],
    ['an unknown member', { name: 'g', nodes: [node], extra: 1 }],
    ['an unknown type', { name: 'g', nodes: [{ ...node, type: 'magic' }] }],
    ['an id with a hyphen', { name: 'g', nodes: [{ ...node, id: 'a-b' }] }],
    ['an input that is missing', { name: 'g', nodes: [{ ...node, with: {} }] }],
    ['an input that is not there', { name: 'g', nodes: [{ ...node, with: { prompt: 'x', colour: 'red' } }] }],
    ['a number where a text belongs', { name: 'g', nodes: [{ ...node, with: { prompt: 1 } }] }],
    ['retries of a transform', { name: 'g', nodes: [{ id: 'a', type: 'transform', with: { value: 1 }, retry: {} }] }],
    [
      'a format that is not there',
      { name: 'g', nodes: [{ id: 'a', type: 'text-to-speech', with: { text: 'x', format: 'wax' } }] },
    ],
  ]
  for (const [what, graph] of bad) {
    it(`refuses ${what}, as the compiler does`, () => {
      assert.ok(!validator.validate(graph).valid)
      assert.throws(() => compileGraph(graph), { reason: 'GRAPH_INVALID' })
    })
  }
})
