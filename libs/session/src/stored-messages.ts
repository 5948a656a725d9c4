import type { Entry, Log } from '@holdfast/persistence'
import { storedMessage } from './history/histories.js'
import type { StoredMessage } from './history/history.js'
import type { Message } from './message.js'
import type { MessageRecord } from './shapes.js'

export function messageOf(entry: Entry<MessageRecord>): Message {
  return messageFrom(storedMessage(entry))
}

export function messageFrom({ seq, key, at, data }: StoredMessage): Message {
  const { role, parts, editedAt, redacted, reply } = data
  const message = { seq, id: key ?? String(seq), role, parts, at: new Date(at) }
  // As nearly all are.
  if (editedAt === undefined && redacted === undefined && reply === undefined) return message
  return {
    ...message,
    ...(editedAt === undefined ? {} : { editedAt: new Date(editedAt) }),
    ...(redacted === undefined ? {} : { redacted }),
    ...(reply === undefined ? {} : { reply }),
  }
}

export async function readEntry<T>(log: Log<T>, stream: string, seq: number): Promise<Entry<T> | undefined> {
  const [entry] = await log.read(stream, { after: seq - 1, limit: 1 })
  return entry?.seq === seq ? entry : undefined
}

/** Every entry after a position, a thousand at a time. */
export async function* readAll<T>(log: Log<T>, stream: string, after = 0): AsyncGenerator<Entry<T>> {
  const limit = 1000
  for (;;) {
    const entries = await log.read(stream, { after, limit })
    yield* entries
    const last = entries.at(-1)
    if (last === undefined || entries.length < limit) return
    after = last.seq
  }
}
