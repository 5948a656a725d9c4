import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inReadingOrder, type ReadLine } from './reading-order.js'

function at(text: string, left: number, top: number, width = text.length * 10, height = 20): ReadLine {
  const box = { left, top, width, height }
  return { text, score: 0.9, box, level: box }
}
const read = (...lines: ReadLine[]): string[] => inReadingOrder(lines).map(({ text }) => text)

describe('the order in which text is read', () => {
  it('goes from above, and from the left in a row', () => {
    assert.deepEqual(read(at('third', 0, 60), at('second', 300, 2), at('first', 0, 0)), ['first', 'second', 'third'])
    assert.deepEqual(read(), [])
  })

  it('reads columns of running text one after the other, below the title over both', () => {
    const column = (name: string, left: number): ReadLine[] =>
      [0, 1, 2, 3].map((n) => at(`${name}${n} some words of a text`, left, 100 + n * 26))
    const lines = [
      at('A title that goes over both of the columns', 0, 0, 560),
      ...column('left', 0),
      ...column('right', 300),
    ]
    assert.deepEqual(read(...lines.toReversed()), [
      'A title that goes over both of the columns',
      ...['left', 'right'].flatMap((name) => [0, 1, 2, 3].map((n) => `${name}${n} some words of a text`)),
    ])
  })

  it('reads a receipt row by row', () => {
    const rows = [
      ['Bread', '3.20'],
      ['Milk', '1.10'],
      ['Total', '4.30'],
    ].flatMap(([name = '', price = ''], n) => [at(price, 400, n * 26), at(name, 0, n * 26)])
    assert.deepEqual(read(...rows), ['Bread', '3.20', 'Milk', '1.10', 'Total', '4.30'])
  })

  it('joins pieces that stand close together, with the box around both', () => {
    const [line, ...others] = inReadingOrder([at('world', 68, 2), at('hello', 0, 0)])
    assert.deepEqual([line?.text, line?.box, others], ['hello world', { left: 0, top: 0, width: 118, height: 22 }, []])
  })

  it('bears with lines that slant a little', () => {
    assert.deepEqual(read(at('b', 200, 4), at('a', 0, 0), at('d', 200, 34), at('c', 0, 30)), ['a', 'b', 'c', 'd'])
  })
})
