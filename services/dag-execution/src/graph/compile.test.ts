import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { compileGraph } from './compile.js'
import { readGraphText } from './parse-graph.js'

/** Everything that is wrong with a graph, as `path message`. */
function problems(graph: unknown): string[] {
  try {
    compileGraph(graph)
    return []
  } catch (error) {
    assert.ok(error instanceof HoldfastError && error.reason === 'GRAPH_INVALID', String(error))
    return error.fields.map(({ field, description }) => `${field} ${description}`)
  }
}

const t = (id: string, value: unknown, more: object = {}) => ({ id, type: 'transform', with: { value }, ...more })
const g = (nodes: unknown, more: object = {}) => ({ name: 'g', nodes, ...more })

describe('a graph is refused, naming the place', () => {
  const cases: readonly [string, unknown, string[]][] = [
    [
      'for a cycle, with the whole of it',
      g([t('a', '${{ nodes.c.value }}'), t('b', '${{ nodes.a.value }}'), t('c', '${{ nodes.b.value }}')]),
      ['nodes[0] is part of a cycle: a → b → c → a'],
    ],
    ['for a node that looks at itself', g([t('a', '${{ nodes.a.value }}')]), ['nodes[0] is part of a cycle: a → a']],
    [
      'for a cycle by needs',
      g([t('a', 1, { needs: ['b'] }), t('b', 2, { needs: ['a'] })]),
      ['nodes[0] is part of a cycle: a → b → a'],
    ],
    [
      'for a loop without a breaker',
      g([t('a', '${{ nodes.b.value }}'), t('b', '${{ nodes.a.value }}')], { kind: 'loop' }),
      ['nodes[0] is part of a cycle without a loop-breaker: a → b → a'],
    ],
    [
      'for a breaker of nothing',
      g([t('a', 1), { id: 'b', type: 'loop-breaker', with: { max: 2 } }], { kind: 'loop' }),
      ['nodes[1] breaks no cycle: nothing before it uses it'],
    ],
    [
      'for a cycle round its breaker',
      g(
        [
          t('a', ['${{ nodes.x.value }}', '${{ nodes.b.value }}']),
          t('b', '${{ nodes.a.value }}'),
          { id: 'x', type: 'loop-breaker', with: { max: 2, value: '${{ nodes.b.value }}' } },
        ],
        { kind: 'loop' },
      ),
      ['nodes[0] is part of a cycle that goes round its loop-breaker: a → b → a'],
    ],
    [
      'for a node that is not there',
      g([t('a', { deep: ['${{ nodes.b.value }}'] })]),
      ['nodes[0].with.value.deep[0] names the node b, which is not there: known are a'],
    ],
    [
      'for a port that is not there',
      g([t('a', 1), t('b', 'x ${{ nodes.a.text }}')]),
      ['nodes[1].with.value uses nodes.a.text, which a node of type transform does not have: known are value'],
    ],
    [
      'for an input that is not there',
      g([t('a', '${{ inputs.x }}')], { inputs: { y: {} } }),
      ['nodes[0].with.value uses inputs.x, which the graph does not have: known are y'],
    ],
    [
      'for needs of nothing',
      g([t('a', 1, { needs: ['b'] })]),
      ['nodes[0].needs[0] names the node b, which is not there: known are a'],
    ],
    [
      'for an output of nothing',
      g([t('a', 1)], { outputs: { o: '${{ nodes.x.value }}' } }),
      ['outputs.o names the node x, which is not there: known are a'],
    ],
    [
      'for an item without a list',
      g([t('a', '${{ item }}')]),
      ['nodes[0].with.value uses item, which is there only in the input of a node with forEach'],
    ],
    [
      'for a text where a recording belongs',
      g([
        { id: 'a', type: 'chat', with: { prompt: 'x' } },
        { id: 'b', type: 'speech-to-text', with: { audio: '${{ nodes.a.text }}' } },
      ]),
      [
        'nodes[1].with.audio must be an artifact, and this is a string; an input says { type: string, format: artifact }',
      ],
    ],
    [
      'for a list where a text belongs',
      g([
        { id: 'a', type: 'chat', forEach: '[1,2]', with: { prompt: 'x' } },
        { id: 'b', type: 'chat', with: { prompt: '${{ nodes.a.text }}' } },
      ]),
      ['nodes[1].with.prompt must be a string, and this is a list'],
    ],
    [
      'for a number where a decision belongs',
      g([{ id: 'a', type: 'condition', with: { if: '${{ 1 + 1 }}' } }]),
      ['nodes[0].with.if must be a boolean, and this is a number'],
    ],
    [
      'for an expression that cannot be read',
      g([t('a', '${{ 1 + }}')]),
      ['nodes[0].with.value : the expression 1 + is not valid: Unexpected token: EOF'],
    ],
    ['for ids that are the same', g([t('a', 1), t('a', 2)]), ['nodes[1].id is a, as nodes[0] is called already']],
    [
      'for a node that never runs, and what is only behind it',
      g([t('a', 1, { when: false }), t('b', '${{ nodes.a.value }}')]),
      [
        'nodes[0].when is never true, so that nothing can reach the node',
        'nodes[1] cannot be reached: no node before it ever runs',
      ],
    ],
    [
      'for two ways in a tree',
      g([t('a', 1), t('b', '${{ nodes.a.value }}'), t('c', ['${{ nodes.a.value }}', '${{ nodes.b.value }}'])], {
        kind: 'tree',
      }),
      ['nodes[2] has 2 nodes before it (a, b), and a tree has one'],
    ],
    [
      'for a second root of a tree',
      g([t('a', 1), t('b', 2)], { kind: 'tree' }),
      ['nodes[1] cannot be reached from a, the root of the tree'],
    ],
    [
      'inside a graph within',
      g([{ id: 's', type: 'sub-graph', with: { graph: g([t('a', '${{ nodes.b }}')]) } }]),
      ['nodes[0].with.graph.nodes[0].with.value names the node b, which is not there: known are a'],
    ],
    [
      'for what a graph within is not given',
      g([
        {
          id: 's',
          type: 'sub-graph',
          with: { graph: g([t('a', '${{ inputs.x }}')], { inputs: { x: { type: 'string' } } }), inputs: { y: 1 } },
        },
      ]),
      ['nodes[0].with.inputs.y is no input of g: known are x', 'nodes[0].with.inputs.x is missing'],
    ],
    [
      'for what is no member of a node, and limits of runs in a graph within',
      g([
        { ...t('a', 1), name: 'A' },
        { id: 's', type: 'sub-graph', with: { graph: g([t('a', 1)], { maxRuns: 1 }) } },
      ]),
      [
        'nodes[0].name is unknown: known are id, type, with, needs, when, forEach, retry, timeoutMs, cache, concurrency, optional',
        'nodes[1].with.graph.maxRuns is for runs, and a graph within is none',
      ],
    ],
    [
      'for retries and time limits of what is not tried',
      g([
        { ...t('a', 1), retry: {}, timeoutMs: 1, cache: true },
        { id: 'w', type: 'wait', with: { ms: 1 }, timeoutMs: 1 },
        { id: 's', type: 'sub-graph', with: { graph: g([t('a', 1)]) }, retry: {}, timeoutMs: 1, cache: true },
      ]),
      [
        'nodes[0].retry is not for nodes of type transform',
        'nodes[0].cache is not for nodes of type transform',
        'nodes[0].timeoutMs is not for nodes of type transform',
        'nodes[1].timeoutMs is not for nodes of type wait',
        'nodes[2].cache is not for nodes of type sub-graph',
      ],
    ],
    ['for what YAML knows and JSON does not', g([t('a', Number.NaN)]), ['nodes[0].with.value must be JSON']],
  ]
  for (const [what, graph, expected] of cases) {
    it(what, () => assert.deepEqual(problems(graph), expected))
  }

  it('says all that is wrong at once', () => {
    const found = problems({
      name: '1',
      kind: 'ring',
      nodes: [
        { id: 'a-b', type: 'chat', with: { colour: 1 }, retry: { maxAttempts: 0 } },
        { id: 'b', type: 'chatt', with: { colour: 1 }, retry: { maxAttempts: 0 } },
      ],
      extra: true,
    })
    assert.deepEqual(
      found.map((one) => one.split(' ')[0]),
      [
        'extra',
        'name',
        'kind',
        'nodes[0].id',
        'nodes[0].retry.maxAttempts',
        'nodes[1].type',
        'nodes[0].with.colour',
        'nodes[0].with.prompt',
      ],
    )
  })
})

describe('a graph', () => {
  it('has chains of 10,000 nodes', () => {
    const nodes = Array.from({ length: 10_000 }, (_, index) =>
      t(`n${index}`, index === 0 ? 1 : '${{ nodes.n' + String(index - 1) + '.value }}'),
    )
    assert.equal(compileGraph(g(nodes)).nodes.length, 10_000)
  })

  it('is read from YAML and JSON alike', () => {
    const yaml = 'name: g\nnodes:\n  - { id: a, type: transform, with: { value: 1 } }\n'
    assert.deepEqual(readGraphText(yaml), readGraphText(JSON.stringify(readGraphText(yaml))))
  })

  it('that cannot be read is refused with line and column', () => {
    assert.throws(
      () => readGraphText('name: g\nnodes: [a\nb: c\n'),
      (error: HoldfastError) => {
        assert.equal(error.reason, 'GRAPH_NOT_READABLE')
        assert.match(error.message, /line \d+, column \d+/)
        return true
      },
    )
    assert.throws(() => readGraphText('a: 1\na: 2\n'), { reason: 'GRAPH_NOT_READABLE' })
  })
})
