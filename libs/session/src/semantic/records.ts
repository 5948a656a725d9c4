import type { Role } from '../message.js'

/** What is embedded of one passage of a message. The id names conversation, message, passage and model, so that none is stored twice. */
export interface VectorRecord {
  readonly conversationId: string
  readonly userId: string
  readonly seq: number
  readonly role: Role
  /** See `modelKeyOf`. */
  readonly model: string
  /** See `vectorText`. */
  readonly vector: string
}

/** How far a conversation is indexed for one model, on its document: the vectors of a round are committed together with it, and only if the
 *  conversation is there and nobody else wrote a round meanwhile. */
export interface IndexedMark {
  /** 1, 2, 3, …: with every change of the conversation's vectors. */
  readonly round: number
  /** The messages after `from`, up to `seq`. */
  readonly from: number
  readonly seq: number
  /** How many edits and redactions are taken in. */
  readonly change: number
  /** The oldest message that retention had left. */
  readonly first: number
}

/** Who indexes with a model: a lease on this document, where several processes can. */
export interface IndexerRecord {
  readonly name: string
  readonly version: string
  readonly seenAt: number
}

/** Conversation ids have no slash. */
export function vectorId(conversationId: string, seq: number, passage: number, model: string): string {
  return `${conversationId}/${seq}/${passage}/${model}`
}
