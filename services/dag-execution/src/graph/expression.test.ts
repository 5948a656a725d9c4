import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Values, parseExpression } from './expression.js'
import { Problems } from './problems.js'
import { parseTemplate } from './template.js'

const values: Values = {
  nodes: { a: { n: 2, list: [1, 2, 3], text: 'hi', deep: { 'a-b': null } } },
  inputs: { on: true },
  item: { x: 1 },
  index: 4,
  run: { id: 'r1' },
}
const evaluate = (text: string) => parseExpression(text).evaluate(values)

describe('an expression', () => {
  const cases: readonly [string, unknown][] = [
    ['nodes.a.n + 1', 3],
    ['1 + nodes.a.n * 2', 5],
    ['nodes.a.n / 4', 0.5],
    ['nodes.a.n % 2 == 0 && inputs.on', true],
    ['nodes.a.list.map(x, x * 10)', [10, 20, 30]],
    ['nodes.a.list.filter(item, item > 1)', [2, 3]],
    ['size(nodes.a.list) + index', 7],
    ['{"n": nodes.a.n, "mixed": [1, "two", null]}', { n: 2, mixed: [1, 'two', null] }],
    ['nodes.a["deep"]["a-b"] == null', true],
    ['nodes.a.?missing.orValue("none")', 'none'],
    ['nodes.a.list.join("-")', '1-2-3'],
    ['json(nodes.a.list)', '[1,2,3]'],
    ['run.id', 'r1'],
    ['item.x', 1],
  ]
  for (const [text, expected] of cases)
    it(`${text} is ${JSON.stringify(expected)}`, () => assert.deepEqual(evaluate(text), expected))

  it('tells what it looks at, and not what its own variables are', () => {
    const { references } = parseExpression('nodes.a.list.map(item, item + nodes["b"].c.d + inputs.x)')
    assert.deepEqual(references, [
      { root: 'nodes', name: 'a', path: ['list'] },
      { root: 'nodes', name: 'b', path: ['c', 'd'] },
      { root: 'inputs', name: 'x', path: [] },
    ])
  })

  it('that has no value fails with INVALID_ARGUMENT, naming it', () => {
    for (const text of ['nodes.a.missing', 'nodes.a.list[9]', 'nodes.a.text.n', '1.0 / 0.0']) {
      assert.throws(() => evaluate(text), { code: 'INVALID_ARGUMENT', reason: 'EXPRESSION_FAILED' }, text)
    }
  })

  it('does not reach what is not data', () => {
    for (const text of ['nodes.constructor', 'nodes.a.__proto__', 'nodes.a.list.length', 'nodes.a.text.constructor'])
      assert.throws(() => evaluate(text), { code: 'INVALID_ARGUMENT' }, text)
    for (const text of ['process', 'globalThis.x', 'eval("1")'])
      assert.throws(() => parseExpression(text), { reason: 'EXPRESSION_INVALID' }, text)
  })

  it('that takes too long is ended: a loop in a loop in a loop, and a regular expression', () => {
    const list = Array.from({ length: 2_000 }, (_, index) => index)
    const large: Values = { ...values, nodes: { a: { list, text: `${'a'.repeat(50)}!` } } }
    for (const text of [
      'nodes.a.list.map(x, nodes.a.list.map(y, nodes.a.list.map(z, 1)))',
      'nodes.a.text.matches("(a+)+$")',
    ]) {
      assert.throws(() => parseExpression(text).evaluate(large), {
        code: 'RESOURCE_EXHAUSTED',
        reason: 'EXPRESSION_TOO_LONG',
      })
    }
  })
})

describe('a template', () => {
  const problems = new Problems()
  const of = (value: never) => parseTemplate(value, 'with', problems).evaluate(values)

  it('is the value of an expression that stands alone, and text among text', () => {
    assert.deepEqual(
      of({ a: '${{ nodes.a.n }}', b: ['n: ${{ nodes.a.n }}, ${{ nodes.a.list }}'], c: '$${{ not }}', d: 1 } as never),
      { a: 2, b: ['n: 2, [1,2,3]'], c: '${{ not }}', d: 1 },
    )
    assert.deepEqual(problems.found, [])
  })
})
