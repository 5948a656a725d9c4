import { createHash } from 'node:crypto'
import { invalidField } from '@holdfast/errors'
import type { ConversationStore, Message } from '@holdfast/session'

export interface MessagePageRequest {
  readonly conversationId: string
  /** Exclusive bounds. */
  readonly after?: number
  readonly before?: number
  readonly newestFirst?: boolean
  /** Default 100, at most 1,000 (more counts as 1,000). */
  readonly limit?: number
  /** `next` of the former page of the same request. */
  readonly cursor?: string
}

export interface MessagePage {
  readonly messages: readonly Message[]
  /** Absent on the last page. */
  readonly next?: string
}

const defaultLimit = 100
const maxLimit = 1000
// Read at once, so that a page of large messages is not read as a whole before it is cut.
const chunk = 128

/** One page of a conversation, cut after about `pageBytes` so that it fits into a gRPC message; it holds one message at least.
 *  @throws INVALID_ARGUMENT about `cursor` if it is of another conversation, other bounds or the other direction */
export async function readPage(
  conversations: ConversationStore,
  request: MessagePageRequest,
  pageBytes: number,
): Promise<MessagePage> {
  const { conversationId, newestFirst: reverse = false } = request
  const limit = pageLimit(request.limit)
  const position = request.cursor === undefined ? undefined : openCursor(request.cursor, request)
  let { after, before } = request
  const messages: Message[] = []
  let bytes = 0
  if (position !== undefined) moveTo(position)
  for (;;) {
    // One more than wanted tells whether there is a next page.
    const wanted = Math.min(chunk, limit - messages.length + 1)
    const read = await conversations.messages(conversationId, {
      limit: wanted,
      reverse,
      ...(after === undefined ? {} : { after }),
      ...(before === undefined ? {} : { before }),
    })
    for (const message of read) {
      bytes += sizeOf(message)
      if (messages.length === limit || (messages.length > 0 && bytes > pageBytes)) return pageWithNext()
      messages.push(message)
      moveTo(message.seq)
    }
    if (read.length < wanted) return { messages }
  }

  function moveTo(seq: number): void {
    if (reverse) before = seq
    else after = seq
  }

  function pageWithNext(): MessagePage {
    return { messages, next: sealCursor(messages.at(-1)?.seq ?? 0, request) }
  }
}

function pageLimit(limit: number | undefined): number {
  if (limit === undefined) return defaultLimit
  if (!Number.isSafeInteger(limit) || limit < 1) throw invalidField('limit', 'must be a positive integer')
  return Math.min(limit, maxLimit)
}

function sizeOf({ parts }: Message): number {
  return parts.reduce((bytes, part) => bytes + partBytes(part), 100)
}

function partBytes(part: Message['parts'][number]): number {
  if ('text' in part) return Buffer.byteLength(part.text)
  if ('content' in part) return Buffer.byteLength(part.content)
  return 'argumentsJson' in part ? Buffer.byteLength(part.argumentsJson) : 200
}

function sealCursor(seq: number, request: MessagePageRequest): string {
  return Buffer.from(`${seq}.${listingOf(request)}`).toString('base64url')
}

function openCursor(cursor: string, request: MessagePageRequest): number {
  const [, seq, listing] =
    /^([1-9]\d{0,15})\.([\w-]{12})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? []
  if (seq === undefined || listing !== listingOf(request)) {
    throw invalidField(
      'cursor',
      'is not of this listing: pass it unchanged, with the same conversation, bounds and direction',
    )
  }
  return Number(seq)
}

function listingOf({ conversationId, after = 0, before = 0, newestFirst = false }: MessagePageRequest): string {
  const listing = JSON.stringify(['messages', conversationId, after, before, newestFirst])
  return createHash('sha256').update(listing).digest('base64url').slice(0, 12)
}
