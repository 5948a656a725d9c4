import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { localEmbeddingModel } from '@holdfast/models'
import { openDocumentStore } from '@holdfast/persistence'
import { type ConversationStore, openConversationStore, textOf } from '@holdfast/session'
import { type Question, named, paraphrased } from './real-questions-for-tests.js'

// Real dialogues, beside the repository where they are present: each eighth of them, since all 324 take two minutes. HOLDFAST_TEST_DIALOGUES=all for what
// decision 0043 tells of.
const step = process.env['HOLDFAST_TEST_DIALOGUES'] === 'all' ? 1 : 8
const folder = join(import.meta.dirname, '../../../../shared/data/dialogues')
const skip = existsSync(folder) ? false : `there is no ${folder}`

interface Dialogue {
  readonly turns: readonly { readonly speaker: 'USER' | 'SYSTEM'; readonly utterance: string }[]
}

describe('search with the local embedding model', () => {
  const embedder = localEmbeddingModel()
  after(() => embedder[Symbol.asyncDispose]())
  const indexing = { startAfterMs: 0, pollMs: 50, duty: 1 }

  it('finds what was said in other words', async () => {
    await using documents = await openDocumentStore('memory:')
    await using store = await openConversationStore(documents, { search: { embedder, indexing, embedWaitMs: 60_000 } })
    const { id } = await store.create({ userId: 'ada' })
    const texts = ['I am a vegetarian.', 'We moved to Lisbon in March.', 'My daughter has a fever.']
    await store.append(
      id,
      texts.map((text) => ({ role: 'user', parts: [{ type: 'text', text }] })),
    )
    await whenIndexed(store, 'ada')
    for (const [question, answer] of [
      ['Do I eat meat?', texts[0]],
      ['Which city is my home?', texts[1]],
      ['Is anybody in the family ill?', texts[2]],
    ] as const) {
      const [best] = await store.search('ada', question)
      assert.equal(best && textOf(best.message), answer, question)
    }
  })

  it('finds more of what real dialogues said than words or meaning alone', { skip, timeout: 240_000 }, async (t) => {
    await using documents = await openDocumentStore('memory:')
    await using store = await openConversationStore(documents, { search: { embedder, indexing, embedWaitMs: 60_000 } })
    await using words = await openConversationStore(documents)
    const said: string[] = []
    for (const name of readdirSync(folder).toSorted()) {
      if (!name.endsWith('.json')) continue
      const dialogues = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Dialogue[]
      for (const { turns } of dialogues.filter((_, index) => index % step === 0)) {
        const { id } = await store.create({ userId: 'sgd' })
        await store.append(
          id,
          turns.map(({ speaker, utterance }) => ({
            role: speaker === 'USER' ? 'user' : 'assistant',
            parts: [{ type: 'text', text: utterance }],
          })),
        )
        said.push(...turns.map(({ utterance }) => utterance))
      }
    }
    await whenIndexed(store, 'sgd')
    const byWords = (question: string) => words.search('sgd', question, { limit: 5 })
    // Without a word to look for, meaning decides.
    const byMeaning = (question: string) => store.search('sgd', '', { limit: 5, meaning: question })
    const byBoth = (question: string) => store.search('sgd', question, { limit: 5 })
    const recall = async (questions: readonly Question[], search: typeof byWords): Promise<number> => {
      const answered = questions.filter(([, relevant]) => said.some((text) => relevant.test(text)))
      assert.ok(answered.length > 8)
      let sum = 0
      for (const [question, relevant] of answered) {
        const hits = await search(question)
        const right = hits.filter(({ message }) => relevant.test(textOf(message))).length
        sum += right / Math.min(5, said.filter((text) => relevant.test(text)).length)
      }
      return sum / answered.length
    }
    const table = {
      paraphrased: [
        await recall(paraphrased, byWords),
        await recall(paraphrased, byMeaning),
        await recall(paraphrased, byBoth),
      ],
      named: [await recall(named, byWords), await recall(named, byMeaning), await recall(named, byBoth)],
    } as const
    for (const [kind, [w, m, both]] of Object.entries(table)) {
      t.diagnostic(`recall@5, ${kind}: words ${w?.toFixed(3)}, meaning ${m?.toFixed(3)}, both ${both?.toFixed(3)}`)
    }
    const [words5, , both5] = table.paraphrased
    const [wordsNamed, meaningNamed, bothNamed] = table.named
    assert.ok(both5 > 2 * words5)
    assert.ok(bothNamed >= wordsNamed && bothNamed > 1.5 * meaningNamed)
  })
})

async function whenIndexed(store: ConversationStore, userId: string): Promise<void> {
  while ((await store.searchReport(userId, 'anything')).unindexed > 0) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
