import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cutAtWord, passageOf } from './passage.js'

const filler = 'The weather was fine and we walked along the river for hours without meeting anybody at all. '

function afterFiller(text: string): string {
  return filler.repeat(4) + text
}

describe('a passage', () => {
  it('is the whole text where it is short, on one line', () => {
    assert.equal(passageOf('My dog is Rex.\n\n  He is  brown.', ['dog']).text, 'My dog is Rex. He is brown.')
  })

  it('is cut at the ends of sentences, around the one that has most of the terms', () => {
    const text = filler.repeat(5) + 'My dog Rex ate the cake. ' + filler.repeat(5)
    const passage = passageOf(text, ['dog', 'cake']).text
    assert.match(passage, /^… .*My dog Rex ate the cake\..* …$/)
    assert.ok(passage.length <= 310)
    for (const sentence of passage
      .replaceAll('…', '')
      .trim()
      .split(/(?<=\.) /)) {
      assert.ok(sentence === filler.trim() || sentence === 'My dog Rex ate the cake.', sentence)
    }
  })

  it('begins at the beginning where no term is found', () => {
    assert.match(passageOf('First of all. ' + filler.repeat(9), ['dog']).text, /^First of all\. .* …$/)
  })

  it('of one endless sentence is cut between words', () => {
    const passage = passageOf(`dog ${'word '.repeat(200)}`, ['dog']).text
    assert.ok(passage.length <= 301)
    assert.match(passage, /^dog (word )+word…$/)
  })

  it('knows words by their beginnings, and scripts without spaces by what they contain', () => {
    assert.match(passageOf(afterFiller('We have dogs.'), ['dog']).text, /We have dogs\.$/)
    assert.match(passageOf(afterFiller('We have a dog.'), ['dogs']).text, /We have a dog\.$/)
    assert.match(passageOf(afterFiller('今天我的狗叫旺财。'), ['狗']).text, /今天我的狗叫旺财。$/)
    assert.doesNotMatch(passageOf(afterFiller('A category.'), ['ego']).text, /category/)
  })

  it('is a question when the sentence with the terms is one', () => {
    assert.equal(passageOf('Hello. Where is my dog?', ['dog']).isQuestion, true)
    assert.equal(passageOf('“Where is my dog?”', ['dog']).isQuestion, true)
    assert.equal(passageOf('我的狗在哪里？', ['狗']).isQuestion, true)
    assert.equal(passageOf('My dog is here. Where are you?', ['dog']).isQuestion, false)
  })

  it('of no text is empty', () => {
    assert.deepEqual(passageOf('', ['dog']), { text: '', isQuestion: false })
  })
})

describe('a cut', () => {
  it('never falls within a character', () => {
    const family = '👩‍👩‍👧‍👦'
    assert.equal(cutAtWord(family.repeat(20), family.length * 3 + 4), `${family.repeat(3)}…`)
    assert.equal(cutAtWord(`${'x'.repeat(9)}e\u0301`, 10), `${'x'.repeat(9)}…`)
  })

  it('falls at a space where one is near', () => {
    assert.equal(cutAtWord('one two three', 9), 'one two…')
  })

  it('leaves short texts alone', () => {
    assert.equal(cutAtWord('short', 5), 'short')
  })
})
