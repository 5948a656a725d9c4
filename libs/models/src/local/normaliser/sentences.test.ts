import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { sentencesOf } from './sentences.js'

describe('sentencesOf', () => {
  for (const [text, expected] of [
    ['One. Two! Three? Four', ['One.', 'Two!', 'Three?', 'Four']],
    ['Dr. Smith met Mr. J. R. Brown. They talked.', ['Dr. Smith met Mr. J. R. Brown.', 'They talked.']],
    ['It costs $5.20. Cheap!', ['It costs $5.20.', 'Cheap!']],
    ['Meet at 5 p.m. Bring No. 5 on Nov. 3.', ['Meet at 5 p.m.', 'Bring No. 5 on Nov. 3.']],
    ['He said "Go." She went.', ['He said "Go."', 'She went.']],
    ['A line\nthat goes on.\n\nA paragraph', ['A line that goes on.', 'A paragraph']],
    ['see example.com. It is good', ['see example.com.', 'It is good']],
    ['Apples, pears, etc. Then more.', ['Apples, pears, etc.', 'Then more.']],
    ['', []],
    [' \n ', []],
  ] as const) {
    it(`finds ${expected.length} in ${JSON.stringify(text)}`, () => assert.deepEqual(sentencesOf(text), expected))
  }

  it('takes time in proportion to the length', () => {
    const at = performance.now()
    for (const part of ['A. ', 'a.', '. ', '! A', 'x', '\n\n']) sentencesOf(part.repeat(100_000 / part.length))
    assert.ok(performance.now() - at < 5_000)
  })

  it('cuts what is too long at a comma, and loses no word', () => {
    const long = `${'word '.repeat(60)}end, ${'word '.repeat(60)}end`
    const pieces = sentencesOf(long)
    assert.equal(pieces.length, 2)
    assert.ok(pieces[0]?.endsWith('end,'))
    fc.assert(
      fc.property(fc.string({ maxLength: 2_000 }), (text) => {
        const pieces = sentencesOf(text)
        assert.equal(pieces.join('').replaceAll(/\s/g, ''), text.replaceAll(/\s/g, ''))
        for (const piece of pieces) assert.ok(piece.length <= 400 && piece !== '')
      }),
    )
  })
})
