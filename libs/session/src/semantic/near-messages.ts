import type { Role } from '../message.js'
import type { IndexedMark } from './records.js'

export interface NearMessage {
  readonly conversationId: string
  readonly seq: number
  /** Cosine, of the message's nearest passage. */
  readonly similarity: number
}

export type Keep = (message: { readonly conversationId: string; readonly seq: number; readonly role: Role }) => boolean

/** The vectors of one user's messages. */
export interface NearMessages {
  /** Nothing is indexed. */
  readonly isEmpty: boolean
  /** Takes in what was indexed since.
   *  @param marks of the user's conversations, those first that were active last */
  refresh(marks: ReadonlyMap<string, IndexedMark>): Promise<void>
  /** The message changed: its vector belongs to what it said before. */
  discard(conversationId: string, seq: number): void
  /** Those nearest to the query, the nearest first. */
  nearest(query: Float32Array, limit: number, keep: Keep, roles: readonly Role[]): Promise<NearMessage[]>
}
