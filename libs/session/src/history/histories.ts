import type { Entry, TenantStore } from '@holdfast/persistence'
import { type ConversationRecord, isDeleting, type MessageRecord, type Shapes } from '../shapes.js'
import type { HistoryRange, StoredHistory, StoredMessage } from './history.js'

/** Where the newest messages of conversations are read, and what is told of every change to one that was committed. What a method of it
 *  rejects with is what the change's caller gets: it was committed all the same. */
export interface Histories {
  /** @param atLeast how many messages the caller needs; fewer may be held only if there are no more
   *  @returns `undefined`: there is no such conversation */
  read(id: string, atLeast: number): Promise<StoredHistory | undefined>
  /** What a history that is cached holds of a range; `undefined`: the log has to be read. */
  messages(id: string, range: HistoryRange): Promise<StoredMessage[] | undefined>
  /** Messages were read beside the histories, the last of them with this `seq`. */
  saw(id: string, last: number): void
  /** Runs a write and, should nobody know whether it took effect, sees to it that nothing older than it is read anywhere. */
  committing<R>(id: string, write: () => Promise<R>): Promise<R>
  appended(id: string, entries: readonly Entry<MessageRecord>[]): Promise<void>
  changed(id: string): Promise<void>
  /** A message that branches may share. */
  amended(id: string): Promise<void>
  deleted(id: string): Promise<void>
  close(): Promise<void>
}

export interface StoredShapes {
  readonly store: TenantStore
  readonly shapes: Shapes
}

/** Without a cache: the database answers, and nobody has to be told. */
export class StoredHistories implements Histories {
  readonly #context: StoredShapes

  constructor(context: StoredShapes) {
    this.#context = context
  }

  read(id: string, atLeast: number): Promise<StoredHistory | undefined> {
    return loadHistory(this.#context, id, atLeast)
  }

  async messages(): Promise<undefined> {
    return undefined
  }

  saw(): void {}

  committing<R>(_id: string, write: () => Promise<R>): Promise<R> {
    return write()
  }

  async appended(): Promise<void> {}

  async changed(): Promise<void> {}

  async amended(): Promise<void> {}

  async deleted(): Promise<void> {}

  async close(): Promise<void> {}
}

/** From the database, in one round trip and as of one moment. */
export async function loadHistory(
  { store, shapes }: StoredShapes,
  id: string,
  count: number,
): Promise<StoredHistory | undefined> {
  const [document, head, changes, newest] = await store.readTogether((scope) => {
    const messages = scope.log<MessageRecord>(shapes.messages.name)
    return Promise.all([
      scope.collection<ConversationRecord>(shapes.conversations.name).get(id),
      messages.head(id),
      scope.log(shapes.changes.name).head(id),
      messages.read(id, { reverse: true, limit: count }),
    ])
  })
  if (document === undefined || head.removed || isDeleting(document.data)) return undefined
  const last = head.next - 1
  const first = last - newest.length + 1
  return {
    id,
    createdAt: document.createdAt.getTime(),
    record: document.data,
    changes: changes.next - 1,
    first,
    last,
    lastAt: head.at,
    isWhole: newest.length < count || first <= head.first,
    message: (seq) => storedMessage(newest[last - seq] as Entry<MessageRecord>),
  }
}

export function storedMessage({ seq, key, at, data }: Entry<MessageRecord>): StoredMessage {
  return { seq, key, at: at.getTime(), data }
}
