import type { InputPort } from './node-types.js'
import { type Json, type JsonObject, nodeTypes } from './graph.js'
import { nodeTypeDescriptions } from './node-types.js'

/** The language of graphs as JSON Schema (2020-12), for editors: what it lets through is of the right shape, and may still be refused for what it means.
 *  `schema/graph.schema.json` is this, written by `node dist/graph/write-json-schema.js`. */
export function graphJsonSchema(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://holdfast.example/schema/graph.schema.json',
    title: 'Holdfast graph',
    $ref: '#/$defs/graph',
    $defs: {
      identifier: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' },
      expression: { type: 'string', description: 'A CEL expression, with or without ${{ }} around it.' },
      graph: {
        type: 'object',
        required: ['nodes'],
        additionalProperties: false,
        properties: {
          $schema: { type: 'string' },
          name: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,127}$' },
          description: { type: 'string' },
          kind: {
            enum: ['dag', 'tree', 'loop'],
            description: 'Default dag. loop: cycles, each through one loop-breaker.',
          },
          inputs: {
            type: 'object',
            propertyNames: { $ref: '#/$defs/identifier' },
            additionalProperties: { type: 'object' },
            description: 'JSON Schemas of what a run is given.',
          },
          nodes: { type: 'array', minItems: 1, maxItems: 20_000, items: { $ref: '#/$defs/node' } },
          outputs: { type: 'object', description: 'What a run answers, with ${{ expressions }}.' },
          onFailure: { enum: ['continue', 'fail-fast'] },
          timeoutMs: { type: 'integer', minimum: 1 },
          concurrency: {
            type: 'integer',
            minimum: 1,
            maximum: 10_000,
            description: 'Nodes at work at once; default 256.',
          },
          maxRuns: {
            type: 'integer',
            minimum: 1,
            maximum: 100_000,
            description: 'Runs of the graph at once; the others wait.',
          },
        },
      },
      retry: {
        type: 'object',
        additionalProperties: false,
        properties: {
          maxAttempts: { type: 'integer', minimum: 1, maximum: 100 },
          backoffMs: { type: 'integer', minimum: 0, maximum: 86_400_000 },
          factor: { type: 'number', minimum: 1, maximum: 10 },
          jitter: { type: 'number', minimum: 0, maximum: 1 },
        },
      },
      node: { oneOf: nodeTypes.map((type) => nodeSchema(type)) },
    },
  }
}

function nodeSchema(type: keyof typeof nodeTypeDescriptions): Json {
  const { description, inputs, work } = nodeTypeDescriptions[type]
  const required = Object.entries(inputs).flatMap(([port, { required: must = false }]) => (must ? [port] : []))
  return {
    type: 'object',
    description,
    required: ['id', 'type', ...(required.length > 0 ? ['with'] : [])],
    additionalProperties: false,
    properties: {
      id: { $ref: '#/$defs/identifier' },
      type: { const: type },
      with: {
        type: 'object',
        required,
        additionalProperties: false,
        properties: Object.fromEntries(Object.entries(inputs).map(([port, one]) => [port, portSchema(port, one)])),
      },
      needs: { type: 'array', items: { $ref: '#/$defs/identifier' } },
      when: { anyOf: [{ $ref: '#/$defs/expression' }, { type: 'boolean' }] },
      ...(type === 'for-each' || type === 'loop-breaker' ? {} : { forEach: { $ref: '#/$defs/expression' } }),
      ...(work === 'call' || work === 'graph' ? { retry: { $ref: '#/$defs/retry' } } : {}),
      ...(work === 'call' ? { cache: { type: 'boolean' } } : {}),
      ...(work === 'call' || work === 'graph' || type === 'approval'
        ? { timeoutMs: { type: 'integer', minimum: 1 } }
        : {}),
      concurrency: { type: 'integer', minimum: 1, maximum: 10_000 },
      optional: { type: 'boolean' },
    },
  }
}

/** What is written out, or an expression. */
function portSchema(port: string, { type, description, oneOf }: InputPort): Json {
  if (port === 'graph') return { anyOf: [{ type: 'string' }, { $ref: '#/$defs/graph' }], description }
  if (type === 'any') return { description }
  const types: { readonly [type: string]: Json } = {
    string: 'string',
    artifact: 'string',
    number: 'number',
    boolean: 'boolean',
    list: 'array',
    object: 'object',
  }
  if (oneOf !== undefined)
    return { anyOf: [{ enum: [...oneOf] }, { type: 'string', pattern: '\\$\\{\\{' }], description }
  if (type === 'string' || type === 'artifact') return { type: 'string', description }
  return { anyOf: [{ type: types[type] ?? 'string' }, { type: 'string', pattern: '\\$\\{\\{' }], description }
}
