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
  /** Of messages whose append found the conversation held: nobody keeps any other. */
  appended(id: string, entries: readonly Entry<MessageRecord>[]): Promise<void>
  changed(id: string): Promise<void>
  /** A message that branches may share. */
  amended(id: string): Promise<void>
  deleted(id: string): Promise<void>
  /** Whether there is a cache that cannot be reached. */
  isAway(): boolean
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

  isAway(): boolean {
    return false
  }

  async close(): Promise<void> {}
}

/** From the database, in one round trip and as of one moment. */
export async function loadHistory(
  { store, shapes }: StoredShapes,
  id: string,
  count: number,
): Promise<StoredHistory | undefined> {
  return (await load({ store, shapes }, id, count)).history
}

/** The same for whoever keeps it: from then on appends tell that somebody does (`isHeld`), for at least `holdMs`. If it is not held, it must not
 *  be kept: a message may have been appended meanwhile without a word. See docs/decisions/0057-appends-that-nobody-caches.md. */
export function loadHeldHistory(scope: StoredShapes, id: string, count: number, holdMs: number): Promise<HeldHistory> {
  return load(scope, id, count, holdMs)
}

export interface HeldHistory {
  readonly history: StoredHistory | undefined
  readonly isHeld: boolean
}

async function load({ store, shapes }: StoredShapes, id: string, count: number, holdMs?: number): Promise<HeldHistory> {
  const [document, head, changes, newest, isHeld] = await store.readTogether((scope) => {
    const messages = scope.log<MessageRecord>(shapes.messages.name)
    return Promise.all([
      scope.collection<ConversationRecord>(shapes.conversations.name).get(id),
      messages.head(id),
      scope.log(shapes.changes.name).head(id),
      messages.read(id, { reverse: true, limit: count }),
      holdMs === undefined ? false : messages.hold(id, holdMs),
    ])
  })
  if (document === undefined || head.removed || isDeleting(document.data)) return { history: undefined, isHeld }
  const last = head.next - 1
  const first = last - newest.length + 1
  const history: StoredHistory = {
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
  return { history, isHeld }
}

export function storedMessage({ seq, key, at, data }: Entry<MessageRecord>): StoredMessage {
  return { seq, key, at: at.getTime(), data }
}
