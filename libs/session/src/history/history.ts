import type { ConversationRecord, MessageRecord } from '../shapes.js'

/** An entry of the log of messages, times as numbers. */
export interface StoredMessage {
  readonly seq: number
  readonly key: string | undefined
  readonly at: number
  readonly data: MessageRecord
}

/** The newest messages of a conversation with what else is known of it, as of one moment. */
export interface StoredHistory {
  readonly id: string
  readonly createdAt: number
  readonly record: ConversationRecord
  /** How many edits and redactions there were. */
  readonly changes: number
  /** `seq` of the oldest message that is held; `last + 1`: none is. */
  readonly first: number
  /** `seq` of the last message; 0: there is none. */
  readonly last: number
  /** When the last message was appended; 0: never. */
  readonly lastAt: number
  /** There is nothing before `first`. */
  readonly isWhole: boolean
  /** All from `first` to `last` are there. */
  message(seq: number): StoredMessage
}

export interface HistoryRange {
  /** Exclusive bounds. */
  readonly after?: number
  readonly before?: number
  readonly limit: number
  readonly reverse?: boolean
}

export function reaches({ first, last, isWhole }: StoredHistory, count: number): boolean {
  return isWhole || last - first + 1 >= count
}

/** The messages of a range as the log would answer; `undefined`: some of them are older than what is held. */
export function messagesWithin(history: StoredHistory, range: HistoryRange): StoredMessage[] | undefined {
  const { first, last, isWhole } = history
  const { after = 0, before = Number.MAX_SAFE_INTEGER, limit, reverse = false } = range
  const from = after + 1
  const to = Math.min(last, before - 1)
  const low = isWhole ? Math.max(from, first) : from
  if (to < low) return []
  const start = reverse ? Math.max(low, to - limit + 1) : low
  const end = reverse ? to : Math.min(to, low + limit - 1)
  if (start < first) return undefined
  const messages: StoredMessage[] = []
  for (let seq = start; seq <= end; seq += 1) messages.push(history.message(seq))
  return reverse ? messages.toReversed() : messages
}
