import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { wordGroups } from './word-groups.js'

describe('word groups', () => {
  it('have three words', () => {
    assert.deepEqual(
      [...wordGroups('One two three four  five\n\nsix seven')],
      ['One two three ', 'four  five\n\nsix ', 'seven'],
    )
  })

  it('are short where there are no spaces, and cut no character', () => {
    const groups = [...wordGroups('👩‍👩‍👧‍👦'.repeat(20) + '我'.repeat(100))]
    assert.ok(groups.length > 5)
    for (const group of groups) {
      assert.ok(group.length <= 48)
      assert.match(group, /^(👩‍👩‍👧‍👦)*我*$/u)
    }
  })

  it('joined are the text, whatever it is', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 })
    const words = fc.array(fc.constantFrom('a', ' ', '\n', 'long'.repeat(20), '👩‍👩‍👧‍👦', '\ud800'), { maxLength: 60 })
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          words.map((all) => all.join('')),
        ),
        (whole) => {
          const groups = [...wordGroups(whole)]
          assert.equal(groups.join(''), whole)
          assert.ok(groups.every((group) => group !== ''))
        },
      ),
    )
  })
})
