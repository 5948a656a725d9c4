import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { queryTerms, wordsOf } from './query-terms.js'
import type { Quote, Retrieve } from './quote.js'
import { recallModel } from './recall-model.js'

// Real dialogues, beside the repository where they are present.
const file = join(import.meta.dirname, '../../../../../shared/data/dialogues/dev_001.json')
const skip = existsSync(file) ? false : `there is no ${file}`

interface Dialogue {
  readonly dialogue_id: string
  readonly turns: readonly { readonly speaker: 'USER' | 'SYSTEM'; readonly utterance: string }[]
}

function messages(): Quote[] {
  const dialogues = JSON.parse(readFileSync(file, 'utf8')) as Dialogue[]
  return dialogues.flatMap(({ dialogue_id: id, turns }) =>
    turns.map(({ speaker, utterance }, index) => ({
      conversationId: id,
      seq: index + 1,
      role: speaker === 'USER' ? 'user' : 'assistant',
      at: new Date(Date.UTC(2026, 0, 1, 0, index)),
      text: utterance,
      score: 0,
    })),
  )
}

/** The plainest search there is: how many of the words a message has. */
function searching(all: readonly Quote[]): Retrieve {
  return ({ query, limit, exclude }) => {
    const words = query.split(' ')
    const scored = all.flatMap((one) => {
      const said = new Set(wordsOf(one.text))
      const score = words.filter((word) => said.has(word)).length
      const excluded = exclude.some((key) => key.conversationId === one.conversationId && key.seq === one.seq)
      return score > 0 && one.role === 'user' && !excluded ? [{ ...one, score }] : []
    })
    return Promise.resolve(scored.sort((a, b) => b.score - a.score).slice(0, limit))
  }
}

describe('recall over real dialogues', { skip }, () => {
  it('answers each thing that a user said with quotes of users, whole sentences, and never with the thing itself', async () => {
    const all = messages()
    const said = new Set(all.filter((one) => one.role === 'user').map((one) => one.text.replace(/\s+/g, ' ').trim()))
    const model = recallModel({ retrieve: searching(all) })
    let quoting = 0
    for (const question of all.filter((one) => one.role === 'user').slice(0, 400)) {
      let text = ''
      const { conversationId, seq } = question
      const asked = { role: 'user', parts: [{ type: 'text', text: question.text }], seq } as const
      for await (const one of model.stream({ messages: [asked], userId: 'u', conversationId })) {
        if (one.type === 'text') text += one.text
      }
      assert.match(text, /recall, not a language model/)
      const quotes = [...text.matchAll(/you (?:said|asked): “(.*)”$/gm)].map((one) => one[1] ?? '')
      if (quotes.length > 0) quoting++
      assert.ok(quotes.length <= 3)
      for (const quoted of quotes) {
        const core = quoted.replaceAll(/^… | …$/g, '')
        assert.ok(
          [...said].some((one) => one.includes(core)),
          quoted,
        )
        assert.notEqual(wordsOf(quoted).join(' '), wordsOf(question.text).join(' '))
      }
    }
    assert.ok(quoting > 200, `only ${quoting} answers quote something`)
  })

  it('has terms for all that is not small talk', () => {
    const empty = messages().filter((one) => one.role === 'user' && queryTerms(one.text).length === 0)
    assert.ok(empty.length < 300, String(empty.length))
    for (const one of empty) assert.ok(wordsOf(one.text).length <= 16, one.text)
  })
})
