import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isGreeting, queryTerms } from './query-terms.js'

describe('the terms of a question', () => {
  for (const [question, terms] of [
    ['What is my dog called?', ['dog', 'called']],
    ['Do you remember what I told you about the trip to Rome?', ['trip', 'rome']],
    ["What's Anna's phone number?", ['anna', 'phone', 'number']],
    ['What’s Anna’s phone number?', ['anna', 'phone', 'number']],
    ['dog DOG Dog', ['dog']],
    ['my e-mail is x_1', ['e-mail', 'x_1']],
    ['table for 2 at 11:30', ['table', '2', '11', '30']],
    ['Wie heißt mein Hund?', ['wie', 'heißt', 'mein', 'hund']],
    ['我的狗叫什么名字？', ['我的狗叫什么名字']],
    ['كلبي اسمه ريكس؟', ['كلبي', 'اسمه', 'ريكس']],
    ['who are you', []],
    ['?!', []],
    ['', []],
  ] as const) {
    it(`${JSON.stringify(question)} are ${JSON.stringify(terms)}`, () => {
      assert.deepEqual(queryTerms(question), terms)
    })
  }

  it('are the same however accents are written', () => {
    assert.deepEqual(queryTerms('Cafe\u0301'), queryTerms('Café'))
  })

  it('are at most 32', () => {
    assert.equal(queryTerms(Array.from({ length: 100 }, (_, i) => `word${i}`).join(' ')).length, 32)
  })
})

describe('a greeting', () => {
  it('is one when there is nothing else', () => {
    for (const text of ['Hi', 'hello!', 'Good evening, recall', 'thanks', 'ok, bye'])
      assert.equal(isGreeting(text), true)
    for (const text of ['', 'Hi, where is my dog?', 'dog', 'good dog', '👋'])
      assert.equal(isGreeting(text), false, text)
  })
})
