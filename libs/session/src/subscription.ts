import { createHash } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Entry } from '@holdfast/persistence'
import type { StoreContext } from './context.js'
import type { ConversationEvent, SubscribeOptions } from './conversation-store.js'
import { conversationGone, noConversation, isRemoved } from './failures.js'
import { checkConversationId } from './ids.js'
import { merge } from './merge.js'
import type { ChangeRecord, MessageRecord } from './shapes.js'
import { messageOf, readEntry } from './stored-messages.js'

/** Where a subscriber stands in each stream that it reads: the messages, then the changes of this conversation and of those whose
 *  past it shares. */
type Positions = [messages: number, ...changes: number[]]

type Arrival =
  | { readonly kind: 'message'; readonly entry: Entry<MessageRecord> }
  | { readonly kind: 'change'; readonly index: number; readonly entry: Entry<ChangeRecord> }
  | { readonly kind: 'removed'; readonly index: number }
  | { readonly kind: 'over' }

async function* arrivalsOf<T>(
  entries: AsyncIterable<Entry<T>>,
  index: number,
  make: (entry: Entry<T>) => Arrival,
): AsyncGenerator<Arrival> {
  try {
    for await (const entry of entries) yield make(entry)
    yield { kind: 'over' }
  } catch (error) {
    if (!isRemoved(error)) throw error
    yield { kind: 'removed', index }
  }
}

/** The messages of a conversation and their changes in one sequence. */
export async function* subscribe(
  context: StoreContext,
  id: string,
  { cursor, signal }: SubscribeOptions,
): AsyncGenerator<ConversationEvent> {
  checkConversationId(id, 'id')
  const known = cursor === undefined ? undefined : openCursor(cursor, id)
  const { conversations, messages, changes } = context.shapes
  const [conversation, head] = await Promise.all([conversations.get(id), messages.head(id)])
  if (conversation === undefined) {
    if (!head.removed) throw noConversation(id)
    if (known === undefined) throw conversationGone(id)
    yield { kind: 'deleted', conversationId: id, cursor: sealCursor(known, id) }
    return
  }
  const owners = [{ conversationId: id, seq: Infinity }, ...(conversation.data.lineage ?? [])]
  const positions: Positions = known ?? [0, ...owners.map(() => 0)]
  if (positions.length !== owners.length + 1) throw foreignCursor()
  const stop = new AbortController()
  const ends = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  const arrivals = merge([
    arrivalsOf(messages.tail(id, { after: positions[0], signal: ends }), 0, (entry) => ({ kind: 'message', entry })),
    ...owners.map(({ conversationId }, owner) => {
      const index = owner + 1
      const tail = changes.tail(conversationId, { after: positions[index] ?? 0, signal: ends })
      return arrivalsOf(tail, index, (entry) => ({ kind: 'change', index, entry }))
    }),
  ])
  try {
    for await (const arrival of arrivals) {
      if (arrival.kind === 'over' || ends.aborted) return
      if (arrival.kind === 'message') {
        positions[0] = arrival.entry.seq
        yield { kind: 'message', message: messageOf(arrival.entry), cursor: sealCursor(positions, id) }
      } else if (arrival.kind === 'change') {
        positions[arrival.index] = arrival.entry.seq
        const { seq, kind } = arrival.entry.data
        if (seq > (owners[arrival.index - 1]?.seq ?? 0)) continue
        const entry = await readEntry(messages, id, seq)
        if (entry === undefined) continue
        const message = messageOf(entry)
        yield { kind: message.redacted === true ? 'redacted' : kind, message, cursor: sealCursor(positions, id) }
      } else if (arrival.index <= 1) {
        yield { kind: 'deleted', conversationId: id, cursor: sealCursor(positions, id) }
        return
      }
    }
  } finally {
    stop.abort()
    await arrivals.return(undefined)
  }
}

function sealCursor(positions: Positions, id: string): string {
  return Buffer.from(JSON.stringify([ofConversation(id), ...positions])).toString('base64url')
}

function openCursor(cursor: unknown, id: string): Positions {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(String(cursor), 'base64url').toString())
  } catch (error) {
    throw foreignCursor(error)
  }
  if (!Array.isArray(parsed) || parsed[0] !== ofConversation(id)) throw foreignCursor()
  const [, messages, ...changes] = parsed as unknown[]
  const isPosition = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
  if (!isPosition(messages) || !changes.every(isPosition)) throw foreignCursor()
  return [messages, ...changes]
}

function ofConversation(id: string): string {
  return createHash('sha256').update(id).digest('base64url').slice(0, 8)
}

function foreignCursor(cause?: unknown): HoldfastError {
  return invalidField('cursor', "is not of this conversation's subscription: pass one unchanged", { cause })
}
