import type { Document, StreamHead } from '@holdfast/persistence'
import { type StoreContext, commit } from '../context.js'
import { textOf, type Message, type Role } from '../message.js'
import type { ConversationRecord } from '../shapes.js'
import { messageOf, readEntry } from '../stored-messages.js'
import { passagesOf } from './passages.js'
import { type IndexedMark, vectorId } from './records.js'
import { vectorText } from './stored-vector.js'

/** Whose messages are found by their meaning: what tools return and systems say is found by its words. */
const embeddedRoles: ReadonlySet<Role> = new Set(['user', 'assistant'])

export interface Standing {
  readonly document: Document<ConversationRecord>
  readonly head: StreamHead
  readonly changeHead: StreamHead
  /** The messages up to here belong to conversations whose past is shared, and are indexed there. */
  readonly owned: number
}

export interface Bounds {
  /** What should be indexed: the messages after `from`, up to `seq`. */
  readonly from: number
  readonly seq: number
  readonly change: number
  readonly first: number
}

/** The next vectors of one conversation: what is to be embedded, and what the mark becomes with it. */
export interface Round {
  readonly conversationId: string
  readonly userId: string
  readonly before: IndexedMark | undefined
  readonly after: IndexedMark
  /** Messages that changed: their vectors go. */
  readonly replaced: readonly number[]
  readonly passages: readonly {
    readonly seq: number
    readonly role: Role
    readonly place: number
    readonly text: string
  }[]
}

export function boundsOf({ head, changeHead, owned }: Omit<Standing, 'document'>): Bounds {
  const from = Math.max(owned, head.first - 1)
  return { from, seq: Math.max(from, head.next - 1), change: changeHead.next - 1, first: head.first }
}

/** How many messages and changes are not in the index yet. */
export function behind(mark: IndexedMark | undefined, bounds: Bounds): number {
  if (mark === undefined) return bounds.seq - bounds.from
  const newer = bounds.seq - Math.max(mark.seq, bounds.from)
  const older = Math.min(mark.from, bounds.seq) - bounds.from
  return Math.max(0, newer) + Math.max(0, older) + Math.max(0, bounds.change - mark.change)
}

/** Whether there is a round to make, also one that only removes. */
export function isBehind(mark: IndexedMark | undefined, bounds: Bounds): boolean {
  return behind(mark, bounds) > 0 || (mark !== undefined && mark.first < bounds.first)
}

/** Reads what the next round takes in: changes, then new messages, then older ones, newest first; at most `limit` of each.
 *  `undefined`: nothing is left. */
export async function readRound(
  { shapes }: StoreContext,
  model: string,
  { document, ...heads }: Standing,
  limit: number,
): Promise<Round | undefined> {
  const { id, data } = document
  const bounds = boundsOf(heads)
  const before = data.indexed?.[model]
  if (!isBehind(before, bounds)) return undefined
  const start = before ?? { round: 0, from: bounds.seq, seq: bounds.seq, change: bounds.change, first: bounds.first }
  const replaced = new Set<number>()
  let { change } = start
  for (const event of await shapes.changes.read(id, { after: change, limit })) {
    change = event.seq
    if (event.data.seq > start.from && event.data.seq <= start.seq) replaced.add(event.data.seq)
  }
  const messages: Message[] = []
  for (const seq of replaced) {
    const entry = await readEntry(shapes.messages, id, seq)
    if (entry !== undefined) messages.push(messageOf(entry))
  }
  const newer = await shapes.messages.read(id, {
    after: Math.max(start.seq, bounds.from),
    before: bounds.seq + 1,
    limit,
  })
  const range = { after: bounds.from, before: start.from + 1, limit, reverse: true }
  const older = start.from > bounds.from ? await shapes.messages.read(id, range) : []
  messages.push(...[...newer, ...older].map(messageOf))
  return {
    conversationId: id,
    userId: data.userId,
    before,
    after: {
      round: start.round + 1,
      from: older.length < limit ? Math.min(start.from, bounds.from) : (older.at(-1)?.seq ?? 1) - 1,
      seq: newer.length < limit ? Math.max(start.seq, bounds.seq) : (newer.at(-1)?.seq ?? start.seq),
      change,
      first: bounds.first,
    },
    replaced: [...replaced],
    passages: messages
      .filter(({ role, redacted }) => embeddedRoles.has(role) && redacted === undefined)
      .flatMap((message) =>
        passagesOf(textOf(message)).map((text, place) => ({ seq: message.seq, role: message.role, place, text })),
      ),
  }
}

/** Commits the vectors of a round and its mark. The write of the mark is the fence: deleting a conversation writes the same document first, so
 *  that a late round finds nothing to write to, or is deleted with it. Edits and redactions are transactions that remove the message's vectors;
 *  one that the round did not read ends it.
 *  @param vectors of the passages, in their order; `undefined`: the model could not read that one
 *  @returns whether it was committed; otherwise the conversation has to be read again, if it is still there */
export async function commitRound(
  context: StoreContext,
  model: string,
  round: Round,
  vectors: readonly (Float32Array | undefined)[],
): Promise<boolean> {
  const { conversationId, userId, before, after, replaced } = round
  const texts = vectors.map((vector) => (vector === undefined ? undefined : vectorText(vector)))
  const items = round.passages.flatMap(({ seq, role, place }, index) => {
    const vector = texts[index]
    if (vector === undefined) return []
    return [
      { id: vectorId(conversationId, seq, place, model), data: { conversationId, userId, seq, role, model, vector } },
    ]
  })
  const read = new Set(round.passages.map(({ seq }) => seq))
  return commit(context, async (tx) => {
    const unread = await tx.changes.read(conversationId, { after: after.change, limit: 1000 })
    if (unread.some(({ data }) => read.has(data.seq))) return false
    const marked = before === undefined ? { $exists: false } : before.round
    const filter = { _id: conversationId, deleting: { $exists: false }, [`indexed.${model}.round`]: marked }
    const written = await tx.conversations.updateOne(filter, { $set: { [`indexed.${model}`]: after } })
    if (written === undefined) return false
    if (before === undefined) await tx.vectors.deleteMany({ conversationId, model })
    if (replaced.length > 0) await tx.vectors.deleteMany({ conversationId, model, seq: { $in: replaced } })
    if (before !== undefined && before.first < after.first) {
      await tx.vectors.deleteMany({ conversationId, model, seq: { $lt: after.first } })
    }
    if (items.length > 0) await tx.vectors.insertMany(items)
    return true
  })
}
