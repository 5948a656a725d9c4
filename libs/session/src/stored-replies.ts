import { HoldfastError } from '@holdfast/errors'
import type { StoreContext } from './context.js'
import { replyKeyPrefix } from './ids.js'
import type { Message } from './message.js'
import { appendTo } from './messages.js'
import type { MessageRecord, ReplyEnd, Shapes } from './shapes.js'
import { messageOf, readAll } from './stored-messages.js'

/** A reply as its stream has it. */
export interface StoredReply {
  readonly text: string
  /** The number of the entry that comes next. */
  readonly next: number
  readonly end: ReplyEnd | undefined
}

export async function readReply({ replies }: Shapes, replyId: string): Promise<StoredReply> {
  const pieces: string[] = []
  let next = 1
  let end: ReplyEnd | undefined
  for await (const { seq, data } of readAll(replies, replyId)) {
    next = seq + 1
    // Two may have ended it at the same moment: the first decides.
    if (end !== undefined) continue
    if (data.kind === 'text') pieces.push(data.text)
    else end = data
  }
  return { text: pieces.join(''), next, end }
}

/** Appends the message of a reply that has ended. Every process makes the same message of the same stream, so that it does not
 *  matter how many of them do. */
export async function appendReply(
  context: Pick<StoreContext, 'histories' | 'shapes'>,
  conversationId: string,
  text: string,
  { reply, before, after }: ReplyEnd,
): Promise<Message> {
  const parts = [...before, ...(text === '' ? [] : [{ type: 'text', text } as const]), ...after]
  const data: MessageRecord = { role: 'assistant', parts, reply }
  const [message] = await appendTo(context, conversationId, [{ key: replyKeyPrefix + reply.id, data }])
  if (message === undefined) throw new HoldfastError('INTERNAL', `The message of reply ${reply.id} was not stored`)
  return message
}

/** The message of a reply, searched from where it can be at the earliest. */
export async function findReplyMessage(
  { messages }: Shapes,
  conversationId: string,
  from: number,
  isIt: (message: Message) => boolean,
): Promise<Message | undefined> {
  // It nearly always is among the first.
  const first = await messages.read(conversationId, { after: from - 1, limit: 10 })
  const found = first.map(messageOf).find(isIt)
  const last = first.at(-1)
  if (found !== undefined || last === undefined || first.length < 10) return found
  for await (const entry of readAll(messages, conversationId, last.seq)) {
    const message = messageOf(entry)
    if (isIt(message)) return message
  }
  return undefined
}
