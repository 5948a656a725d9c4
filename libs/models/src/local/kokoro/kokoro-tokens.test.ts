import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { tokensOf } from './kokoro-tokens.js'

describe('tokens of phonemes', () => {
  it('are the numbers of the symbols that the model has', () => {
    assert.deepEqual(tokensOf(' həlˈO, wˈɜɹld! '), [[50, 83, 54, 156, 31, 3, 16, 65, 156, 87, 123, 54, 46, 5]])
    assert.deepEqual(tokensOf("ˈ'-日ˌ"), [[156, 157]])
    assert.deepEqual(tokensOf('日本'), [])
  })

  it('are cut between words into pieces that the model can take, and within one that has no end', () => {
    assert.deepEqual(tokensOf('aa bb dd', 6), [
      [43, 43, 16, 44, 44],
      [46, 46],
    ])
    assert.deepEqual(tokensOf('aaaaa', 2), [[43, 43], [43, 43], [43]])
    for (const text of ['a '.repeat(2_000), 'ab'.repeat(2_000)]) {
      const pieces = tokensOf(text)
      assert.ok(pieces.every(({ length }) => length > 0 && length <= 510))
      assert.equal(pieces.flat().filter((token) => token === 43).length, 2_000)
    }
  })
})
