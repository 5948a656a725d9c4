import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFrom } from '../random.js'

/** A conversation as the old service kept it, as it grows turn by turn. */
export interface Told {
  readonly id: string
  readonly title: string
  readonly texts: readonly { readonly role: number; readonly text: string }[]
}

interface Dialogue {
  readonly dialogue_id: string
  readonly turns: readonly { readonly speaker: 'USER' | 'SYSTEM'; readonly utterance: string }[]
}

/** Real dialogues from a folder of Schema-Guided Dialogue files, if it is there; else made up ones. */
export function tellings(folder: string, report: (line: string) => void): Told[] {
  if (!existsSync(folder)) {
    report(`skipped: the real dialogues, there is no ${folder}; made up ones take their place`)
    return madeUp(300)
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .flatMap((name) =>
      (JSON.parse(readFileSync(join(folder, name), 'utf8')) as Dialogue[]).map((one) => ({
        id: uuid(`${name}/${one.dialogue_id}`),
        title: one.dialogue_id,
        texts: one.turns.map(({ speaker, utterance }) => ({ role: speaker === 'USER' ? 1 : 2, text: utterance })),
      })),
    )
}

function madeUp(count: number): Told[] {
  const random = randomFrom(1)
  const words = 'a table for two please in the evening near station with green “quotes” и кириллица 😀 \\ / \t'.split(
    ' ',
  )
  return Array.from({ length: count }, (_, index) => ({
    id: uuid(`made-up/${index}`),
    title: `made-up-${index}`,
    texts: Array.from({ length: 4 + Math.floor(random() * 30) }, (_text, n) => ({
      role: 1 + (n % 2),
      text: Array.from(
        { length: 3 + Math.floor(random() * 20) },
        () => words[Math.floor(random() * words.length)],
      ).join(' '),
    })),
  }))
}

export function uuid(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export type Kind = 'context' | 'state' | 'metadata'
export const kinds: readonly Kind[] = ['context', 'state', 'metadata']

/** So many messages are there before the migration, of those that are told. */
const toldBefore = 0.6

/** What stands under a key after so many turns: the same in every process, so that nobody has to remember values. */
export function valueAt(told: Told, kind: Kind, turn: number): object {
  if (kind === 'metadata') {
    return {
      conversation_id: told.id,
      created_at: createdAt(told),
      status: 'active',
      team_id: `team-${told.title.length % 5}`,
      namespace_id: 'default',
      title: turn === 0 ? told.title : `${told.title} (${turn})`,
      description: '',
      settings: {
        model: 'llama3',
        temperature: 0.7,
        max_tokens: 2048,
        include_context: true,
        enable_tools: turn % 2 === 1,
      },
    }
  }
  if (kind === 'state')
    return { turn, slots: { city: told.title, seats: turn % 9, price: turn / 4 }, done: turn % 3 === 0 }
  const begun = Math.ceil(told.texts.length * toldBefore)
  return {
    messages: Array.from({ length: begun + turn }, (_, n) => {
      const { role, text } = told.texts[n] ?? { role: 1 + (n % 2), text: `And then? (${n})` }
      return { id: uuid(`${told.id}/${n}`), role, content: text, timestamp: createdAt(told) + n * 1.25 }
    }),
  }
}

/** Whole seconds for some, with a fraction for others. */
function createdAt(told: Told): number {
  return 1_712_345_678 + (told.title.length % 7) * 0.5
}
