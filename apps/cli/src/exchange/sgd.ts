import { readFile } from 'node:fs/promises'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { JsonObject } from '@holdfast/session'
import { z } from 'zod'
import { isJsonObject } from './merge-patch.js'

/** One of Schema-Guided Dialogue, as far as it is used.
 *  https://github.com/google-research-datasets/dstc8-schema-guided-dialogue#dialogue-representation */
export interface Dialogue {
  readonly dialogue_id: string
  readonly services: readonly string[]
  readonly turns: readonly DialogueTurn[]
}

export interface DialogueTurn {
  readonly speaker: 'USER' | 'SYSTEM'
  readonly utterance: string
  readonly frames: readonly DialogueFrame[]
}

export interface DialogueFrame {
  readonly service: string
  /** On the user's turns: what the service was told up to and including this turn. */
  readonly state?: {
    readonly active_intent: string
    readonly requested_slots: readonly string[]
    readonly slot_values: { readonly [slot: string]: readonly string[] }
  }
}

const dialogue: z.ZodType<Dialogue> = z.object({
  dialogue_id: z.string().min(1),
  services: z.array(z.string()),
  turns: z.array(
    z.object({
      speaker: z.enum(['USER', 'SYSTEM']),
      utterance: z.string(),
      frames: z.array(
        z.object({
          service: z.string(),
          state: z
            .object({
              active_intent: z.string(),
              requested_slots: z.array(z.string()),
              slot_values: z.record(z.string(), z.array(z.string())),
            })
            .exactOptional(),
        }),
      ),
    }),
  ),
})

/** The dialogues of a file, which is read as a whole. @throws NOT_FOUND, INVALID_ARGUMENT that names the file and the place */
export async function readDialogues(
  file: string,
): Promise<{ readonly dialogues: Dialogue[]; readonly sizeBytes: number }> {
  const text = await readInput(file)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalidField(`${file}${placeOf(error, text)}`, `is not JSON: ${error instanceof Error ? error.message : ''}`)
  }
  if (!Array.isArray(value)) throw invalidField(file, 'must be an array of dialogues')
  const dialogues = value.map((each: unknown, index) => {
    const parsed = dialogue.safeParse(each)
    if (parsed.success) return parsed.data
    const issue = parsed.error.issues[0]
    throw invalidField(
      `${file}: [${[index, ...(issue?.path ?? [])].join('.')}]`,
      `is not a dialogue: ${issue?.message ?? 'unknown'}`,
    )
  })
  return { dialogues, sizeBytes: Buffer.byteLength(text) }
}

/** The session state after a user's turn: what each service was told so far. A turn's frames replace those of the same services. */
export function stateAfter(before: JsonObject, turn: DialogueTurn, number: number): JsonObject {
  const services = new Map(Object.entries(isJsonObject(before['services']) ? before['services'] : {}))
  for (const { service, state } of turn.frames) if (state !== undefined) services.set(service, state)
  return { turn: number, services: Object.fromEntries(services) }
}

async function readInput(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new HoldfastError('NOT_FOUND', `${file} cannot be read: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    })
  }
}

/** `:3` for the third line, where the parser says how far it came. */
function placeOf(error: unknown, text: string): string {
  const position = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined
  const end = position === undefined ? text.length : Number(position)
  return `:${text.slice(0, end).split('\n').length}`
}
