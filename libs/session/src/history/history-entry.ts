import { HoldfastError } from '@holdfast/errors'
import type { ConversationRecord, MessageRecord } from '../shapes.js'
import type { StoredHistory, StoredMessage } from './history.js'

/** What a cache holds of a conversation: its history, or that it was deleted. */
export type HistoryEntry = { readonly kind: 'history'; readonly history: StoredHistory } | { readonly kind: 'deleted' }

export const deletedEntry = 'D'

/** Of FIRST and LAST. */
const digits = 16
const firstAt = 'H|W|'.length
const lastAt = firstAt + digits + 1
const metadataAt = lastAt + digits + 1

/** `H|W|FIRST|LAST|METADATA`, then a line for each message: so that a script can append messages and drop the oldest without looking into
 *  anything. `P` in place of `W`: there are older messages. FIRST is the `seq` of the first line, LAST that of the last.
 *  @param maxBytes what is older than fits is left out */
export function historyText(history: StoredHistory, maxMessages: number, maxBytes: number): string {
  const { id, createdAt, record, last, changes } = history
  const lines: string[] = []
  let first = last + 1
  let bytes = 0
  while (first > history.first && lines.length < maxMessages) {
    const line = messageLine(history.message(first - 1))
    bytes += Buffer.byteLength(line)
    if (bytes > maxBytes) break
    lines.push(line)
    first -= 1
  }
  const kind = history.isWhole && first === history.first ? 'W' : 'P'
  const metadata = JSON.stringify([id, createdAt, history.lastAt, changes, record])
  return `H|${kind}|${padded(first)}|${padded(last)}|${metadata}${lines.toReversed().join('')}`
}

/** With the line break before it; JSON has none of its own. */
export function messageLine({ seq, key, at, data }: StoredMessage): string {
  return `\n${JSON.stringify([seq, key ?? null, at, data])}`
}

export function padded(seq: number): string {
  return String(seq).padStart(digits, '0')
}

export function parseEntry(text: string): HistoryEntry {
  if (text === deletedEntry) return { kind: 'deleted' }
  const [head = '', ...lines] = text.split('\n')
  const first = Number(head.slice(firstAt, firstAt + digits))
  const last = Number(head.slice(lastAt, lastAt + digits))
  const metadata = JSON.parse(head.slice(metadataAt)) as [string, number, number, number, ConversationRecord]
  const [id, createdAt, atOfLast, changes, record] = metadata
  const message = (seq: number): StoredMessage => parseLine(seq, lines[seq - first])
  // Appended messages are newer than the metadata.
  const newest = last >= first ? message(last).at : 0
  return {
    kind: 'history',
    history: {
      id,
      createdAt,
      record,
      changes,
      first,
      last,
      lastAt: Math.max(atOfLast, newest),
      isWhole: head[2] === 'W',
      message,
    },
  }
}

function parseLine(expected: number, line: string | undefined): StoredMessage {
  const [seq, key, at, data] = JSON.parse(line ?? '[]') as [number, string | null, number, MessageRecord]
  if (seq !== expected)
    throw new HoldfastError('INTERNAL', `The cache holds message ${seq} in the place of ${expected}`)
  return { seq, key: key ?? undefined, at, data }
}

/** Offsets from 0, for scripts. */
export const entryLayout: { readonly firstAt: number; readonly lastAt: number; readonly digits: number } = {
  firstAt,
  lastAt,
  digits,
}
