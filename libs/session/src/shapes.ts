import type { Collection, Log, Scope } from '@holdfast/persistence'
import type { Part, Reply, ReplyStatus, Role } from './message.js'

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
  readonly parent?: SharedPast
  /** Which conversations own the past that this one shares, oldest first: the messages up to `seq` that no earlier one owns. */
  readonly lineage?: readonly SharedPast[]
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

/** One for each conversation that ever had a turn. The lease runs out `leaseMs` after the document was last written. */
export interface TurnRecord {
  readonly status: 'active' | 'idle'
  readonly token: number
  readonly replyId: string
  readonly processId: string
  /** Made for one call of beginTurn; tells its own turn from another one when the outcome of the commit was unknown. */
  readonly nonce: string
  readonly leaseMs: number
  readonly renewals: number
  readonly cancelRequested?: true
}

/** One for each reply whose stream is still kept. */
export interface ReplyRecord {
  readonly conversationId: string
  readonly replyTo: number
  readonly token: number
  readonly key?: string
  readonly model?: string
  readonly status: 'active' | ReplyStatus
  readonly finishedAt?: number
  readonly messageSeq?: number
  /** `nonce` of the turn, if its holder ended it. */
  readonly endedBy?: string
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

export type ReplyEntry =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'end'; readonly status: ReplyStatus; readonly messageSeq: number }

export interface Shapes {
  readonly conversations: Collection<ConversationRecord>
  readonly states: Collection<StateRecord>
  readonly turns: Collection<TurnRecord>
  readonly replyRecords: Collection<ReplyRecord>
  readonly messages: Log<MessageRecord>
  readonly changes: Log<ChangeRecord>
  readonly replies: Log<ReplyEntry>
}

export function shapesOf(scope: Scope): Shapes {
  return {
    conversations: scope.collection<ConversationRecord>('conversations', {
      indexes: [{ on: ['userId', 'lastActivityAt'] }, { on: 'lastActivityAt' }],
    }),
    states: scope.collection<StateRecord>('conversation-states'),
    turns: scope.collection<TurnRecord>('turns', { indexes: [{ on: 'status' }] }),
    replyRecords: scope.collection<ReplyRecord>('replies', {
      indexes: [{ on: ['conversationId', 'replyTo'] }, { on: 'finishedAt' }],
    }),
    messages: scope.log<MessageRecord>('messages'),
    changes: scope.log<ChangeRecord>('message-changes'),
    replies: scope.log<ReplyEntry>('replies'),
  }
}

/** Makes tables and indexes, which would otherwise happen inside of the first transaction that needs them. */
export async function prepareShapes(shapes: Shapes): Promise<void> {
  await Promise.all([
    shapes.conversations.get('-'),
    shapes.states.get('-'),
    shapes.turns.get('-'),
    shapes.replyRecords.get('-'),
    shapes.messages.head('-'),
    shapes.changes.head('-'),
    shapes.replies.head('-'),
  ])
}
