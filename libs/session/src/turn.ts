import type { Message, NewMessage, Part, ReplyFailure, ReplyStatus, Usage } from './message.js'

/** Either new messages or a stored one is answered. */
export type BeginTurn = BeginTurnOptions &
  (
    | {
        /** Appended as soon as the turn is this call's: if another turn is active, nothing is appended. A repeated call with the
         *  same key on the last message finds the reply that the first one began. */
        readonly messages: readonly NewMessage[]
        readonly replyTo?: undefined
      }
    | {
        /** Answers this stored user message once more; the reply is appended at the end. */
        readonly replyTo: number
        readonly messages?: undefined
        /** Idempotency key of this attempt; works as long as the reply's stream is kept. */
        readonly key?: string
      }
  )

export interface BeginTurnOptions {
  /** Kept in the reply's metadata. */
  readonly model?: string
  /** How long the turn stays this process's without a renewal, in milliseconds by the database's clock. Default 15,000, 100 to 3,600,000. */
  readonly leaseMs?: number
  /** What happens while another turn is active. `reject` (default): TURN_IN_PROGRESS. `queue`: this one waits until those that waited before it,
   *  in whatever process, have had theirs. `interrupt`: the reply that is being made ends as `cancelled` with what is durable of it, then this
   *  turn begins. Callers that do not queue are not kept waiting for those that do. */
  readonly policy?: 'reject' | 'queue' | 'interrupt'
  /** How long to wait for the turn, in milliseconds; default 30,000, at most 600,000. Then DEADLINE_EXCEEDED. */
  readonly waitMs?: number
  /** `queue`: how many may wait at a time, this one included; default 16, at most 1,000. Beyond: RESOURCE_EXHAUSTED. */
  readonly maxWaiting?: number
  /** Gives up waiting, with what it was aborted with. */
  readonly signal?: AbortSignal
  /** Renew at every third of the lease until the turn ends; default true. */
  readonly autoRenew?: boolean
}

export type BegunTurn =
  | {
      readonly started: true
      readonly turn: Turn
      readonly replyId: string
      /** What is answered, as stored: the messages of the call, or the one at `replyTo`. */
      readonly messages: readonly Message[]
    }
  | {
      /** The same call was made before: follow its reply. */
      readonly started: false
      readonly replyId: string
      readonly messages: readonly Message[]
    }

export interface TurnEnding {
  readonly status: ReplyStatus
  readonly usage?: Usage
  readonly finishReason?: string
  /** Only with `failed`. */
  readonly error?: ReplyFailure
  /** What the message holds besides the text that was written: reasoning before it, tool calls after it. */
  readonly reasoning?: string
  readonly parts?: readonly Part[]
}

/** The right to write one reply. Every write is fenced: once another process has taken the turn over (or the conversation
 *  is gone), all of them fail and nothing of them is stored. */
export interface Turn extends AsyncDisposable {
  readonly conversationId: string
  readonly replyId: string
  /** `seq` of the message that is answered. */
  readonly replyTo: number
  /** The fencing token: grows with every turn of the conversation. */
  readonly token: number
  /** Aborts when somebody cancels the reply (reason: CANCELLED, `REPLY_CANCELLED`; call `finish` with status `cancelled`) or when the turn
   *  is lost (reason: ABORTED `TURN_LOST`, or FAILED_PRECONDITION `CONVERSATION_DELETED`; nothing can be written any more). */
  readonly signal: AbortSignal
  /** Takes the text and returns at once. Text gathers while a flush is under way; the next flush carries all of it.
   *  @throws ABORTED TURN_LOST; RESOURCE_EXHAUSTED if the reply outgrows `limits.textBytes`; FAILED_PRECONDITION after `finish` */
  write(text: string): void
  /** Resolves when all that was written is durable. */
  flushed(): Promise<void>
  /** @throws ABORTED TURN_LOST if the turn was taken over; FAILED_PRECONDITION CONVERSATION_DELETED */
  renew(): Promise<void>
  /** Ends the reply. Its last text and its end go into its stream in one commit, which decides how it ended; the assistant's
   *  message and the release of the turn follow, and are made up for by any process should this one die in between.
   *  Repeating it returns the same message. @throws ABORTED TURN_LOST if the turn was taken over; FAILED_PRECONDITION CONVERSATION_DELETED */
  finish(ending: TurnEnding): Promise<Message>
}

/** Cursors are positions in the reply's text, counted in UTF-16 units; they do not depend on how the text was stored. */
export type ReplyEvent =
  | { readonly kind: 'text'; readonly text: string; /** Position after this text. */ readonly cursor: number }
  | {
      /** Last, once. */
      readonly kind: 'end'
      readonly status: ReplyStatus
      /** As it stands now: after an edit or a redaction it differs from the text that was streamed. */
      readonly message: Message
      readonly cursor: number
    }

export type ReplyState =
  | { readonly status: 'running'; readonly message?: undefined }
  | { readonly status: ReplyStatus; readonly message: Message }
