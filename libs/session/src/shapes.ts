import type { BlobOwner, Blobs, Collection, Log, Scope } from '@holdfast/persistence'
import type { Retention } from './conversation-store.js'
import type { Part, Reply, Role } from './message.js'
import type { IndexedMark, IndexerRecord, VectorRecord } from './semantic/records.js'

/** What is stored, and where. Milliseconds since 1970 by the database's clock throughout. */

export interface ConversationRecord {
  readonly userId: string
  readonly title: string
  readonly metadata: Readonly<Record<string, string>>
  /** The public version. Not the document's own, which activity times raise as well. */
  readonly revision: number
  /** Digest of what it was created with; tells a repeated creation from another one. */
  readonly origin: string
  readonly changedAt?: number
  readonly lastActivityAt: number
  /** The same once more, to list everybody's conversations by: PostgreSQL would read an index over `lastActivityAt` alone also for one
   *  user's, past all others' (58 ms for a page of 20 out of 200,000, in place of 5 ms). */
  readonly activity: number
  readonly parent?: SharedPast
  /** Which conversations own the past that this one shares, oldest first: the messages up to `seq` that no earlier one owns. */
  readonly lineage?: readonly SharedPast[]
  /** The conversations in `lineage`: an edit of theirs finds its branches by it. */
  readonly owners?: readonly string[]
  readonly tags?: readonly string[]
  readonly retention?: Retention
  /** How far it is indexed by meaning, by the key of the model (`modelKeyOf`). */
  readonly indexed?: Readonly<Record<string, IndexedMark>>
  /** It is being deleted: nobody sees it any more. */
  readonly deleting?: true
}

export function isDeleting({ deleting }: ConversationRecord): boolean {
  return deleting === true
}

export interface SharedPast {
  readonly conversationId: string
  readonly seq: number
}

/** Made together with the conversation, so that a patch which comes too late finds nothing to write to. */
export interface StateRecord {
  readonly revision: number
  /** As text: a JSON column of the database would change the order of members. */
  readonly json: string
}

/** One for each conversation, made together with it. The lease runs out `leaseMs` after the document was last written. */
export type TurnRecord = IdleTurn | ActiveTurn

export interface IdleTurn {
  readonly status: 'idle'
  /** Of the last turn; 0: there was none. */
  readonly token: number
}

export interface ActiveTurn {
  readonly status: 'active'
  readonly token: number
  readonly replyId: string
  readonly processId: string
  /** Made for one call of beginTurn; tells its own turn from another one when the outcome of a write was unknown. */
  readonly nonce: string
  readonly leaseMs: number
  readonly renewals: number
  /** Which call began it, if that call may be repeated. */
  readonly call?: string
  /** Where the message that is answered is found: its `seq`, or, until it is appended, its key. */
  readonly replyTo?: number
  readonly key?: string
  readonly model?: string
  readonly cancelRequested?: true
}

/** Who waits for the turn of a conversation, in the order in which they came; there only while somebody does. */
export interface TurnQueueRecord {
  readonly waiting: readonly TurnTicket[]
}

export interface TurnTicket {
  /** Made for one call of beginTurn. */
  readonly nonce: string
  /** When the place goes, unless it is renewed before. */
  readonly until: number
}

/** One for each reply whose stream is still kept: what there is to sweep, and which call led to which reply. */
export interface ReplyRecord {
  readonly conversationId: string
  readonly call?: string
  readonly startedAt: number
}

export interface MessageRecord {
  readonly role: Role
  readonly parts: readonly Part[]
  readonly reply?: Reply
  readonly editedAt?: number
  readonly redacted?: true
}

/** Tells subscribers that a message changed; never what it held. */
export interface ChangeRecord {
  readonly seq: number
  readonly kind: 'edited' | 'redacted'
}

export type ReplyEntry = { readonly kind: 'text'; readonly text: string } | ReplyEnd

/** Ends a reply, and holds all that the assistant's message needs besides the text: whoever finds it can append the message,
 *  with the same key and content as its maker would have. */
export interface ReplyEnd {
  readonly kind: 'end'
  readonly reply: Reply
  /** Parts before and after the text. */
  readonly before: readonly Part[]
  readonly after: readonly Part[]
}

export interface Shapes {
  readonly conversations: Collection<ConversationRecord>
  readonly states: Collection<StateRecord>
  /** Of the application and of users. */
  readonly sharedStates: Collection<StateRecord>
  /** Marks of users who were erased, for as long as late writers are to be refused. */
  readonly erasedUsers: Collection<Readonly<Record<string, never>>>
  readonly turns: Collection<TurnRecord>
  readonly turnQueues: Collection<TurnQueueRecord>
  readonly replyRecords: Collection<ReplyRecord>
  readonly vectors: Collection<VectorRecord>
  readonly indexers: Collection<IndexerRecord>
  readonly messages: Log<MessageRecord>
  readonly changes: Log<ChangeRecord>
  readonly replies: Log<ReplyEntry>
  readonly blobs: Blobs
}

/** Keeps the blobs that messages of a conversation name from being collected, until the conversation is deleted. */
export function blobOwner(conversationId: string): BlobOwner {
  return { log: 'messages', stream: conversationId }
}

export function shapesOf(scope: Scope): Shapes {
  return {
    conversations: scope.collection<ConversationRecord>('conversations', {
      indexes: [
        { on: ['userId', 'lastActivityAt'] },
        { on: 'activity' },
        { on: 'owners', array: true },
        { on: 'tags', array: true },
        { on: 'deleting', where: { deleting: true } },
      ],
    }),
    states: scope.collection<StateRecord>('conversation-states'),
    sharedStates: scope.collection<StateRecord>('shared-states'),
    erasedUsers: scope.collection('erased-users', { ttlMs: 86_400_000 }),
    turns: scope.collection<TurnRecord>('turns', { indexes: [{ on: 'status' }] }),
    turnQueues: scope.collection<TurnQueueRecord>('turn-queues'),
    replyRecords: scope.collection<ReplyRecord>('replies', {
      indexes: [{ on: ['conversationId', 'call'] }, { on: 'startedAt' }],
    }),
    vectors: scope.collection<VectorRecord>('message-vectors', {
      indexes: [{ on: ['conversationId', 'model', 'seq'] }, { on: ['userId', 'model'] }],
      columns: ['role'],
      vectors: ['vector'],
    }),
    indexers: scope.collection<IndexerRecord>('message-indexers'),
    messages: scope.log<MessageRecord>('messages'),
    changes: scope.log<ChangeRecord>('message-changes'),
    replies: scope.log<ReplyEntry>('replies'),
    blobs: scope.blobs,
  }
}

/** Makes tables and indexes, which would otherwise happen inside of the first transaction that needs them. */
export async function prepareShapes(shapes: Shapes): Promise<void> {
  await Promise.all([
    shapes.conversations.get('-'),
    shapes.states.get('-'),
    shapes.sharedStates.get('-'),
    shapes.erasedUsers.get('-'),
    shapes.turns.get('-'),
    shapes.turnQueues.get('-'),
    shapes.replyRecords.get('-'),
    shapes.vectors.get('-'),
    shapes.indexers.get('-'),
    shapes.messages.head('-'),
    shapes.changes.head('-'),
    shapes.replies.head('-'),
  ])
}
