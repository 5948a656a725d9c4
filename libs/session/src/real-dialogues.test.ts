import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { textsOf, user } from './conformance/stage.js'
import type { JsonObject, NewMessage } from './message.js'
import { openConversationStore } from './open-conversation-store.js'

// Real dialogues, beside the repository where they are present.
const folder = join(import.meta.dirname, '../../../../shared/data/dialogues')
const skip = existsSync(folder) ? false : `there is no ${folder}`

interface Dialogue {
  readonly dialogue_id: string
  readonly turns: readonly {
    readonly speaker: 'USER' | 'SYSTEM'
    readonly utterance: string
    readonly frames: readonly { readonly service: string; readonly state?: JsonObject }[]
  }[]
}

function messageOf({ speaker, utterance }: Dialogue['turns'][number], index: number): NewMessage {
  return { ...user(utterance), role: speaker === 'USER' ? 'user' : 'assistant', key: `turn-${index}` }
}

it('keeps hundreds of real dialogues, told twice, as they were, and finds what was said', { skip }, async () => {
  const dialogues = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) =>
      (JSON.parse(readFileSync(join(folder, name), 'utf8')) as Dialogue[]).map((one) => ({ ...one, name })),
    )
  await using documents = await openDocumentStore('memory:')
  await using store = await openConversationStore(documents)
  const userId = 'sgd'
  const idOf = (one: { name: string; dialogue_id: string }): string => `${one.name}.${one.dialogue_id}`
  for (const _ of ['first', 'again']) {
    await Promise.all(
      dialogues.map(async (dialogue) => {
        const { id } = await store.create({ id: idOf(dialogue), userId, title: dialogue.dialogue_id })
        await store.append(id, dialogue.turns.map(messageOf))
        for (const { frames } of dialogue.turns) {
          const states = frames.flatMap(({ service, state }) =>
            state === undefined ? [] : [[service, state] as const],
          )
          if (states.length > 0) await store.patchState(id, Object.fromEntries(states))
        }
      }),
    )
  }
  for (const dialogue of dialogues) {
    const messages = await store.messages(idOf(dialogue), { limit: 1000 })
    assert.deepEqual(
      textsOf(messages),
      dialogue.turns.map(({ utterance }) => utterance),
    )
    assert.deepEqual(
      messages.map(({ seq }) => seq),
      dialogue.turns.map((_, index) => index + 1),
    )
    const expected = dialogue.turns.flatMap(({ frames }) => frames).findLast(({ state }) => state !== undefined)
    const { state } = await store.state(idOf(dialogue))
    assert.deepEqual(state[expected?.service ?? ''], expected?.state)
  }
  let listed = 0
  let cursor: string | undefined
  do {
    const page = await store.list({ userId, limit: 100, ...(cursor === undefined ? {} : { cursor }) })
    listed += page.items.length
    cursor = page.next
  } while (cursor !== undefined)
  assert.equal(listed, dialogues.length)
  const hits = await store.search(userId, 'restaurant reservation for 2 people', { limit: 5 })
  assert.equal(hits.length, 5)
  assert(hits.every(({ message }) => /restaurant|reservation|people/i.test(textsOf([message]).join())))
})
