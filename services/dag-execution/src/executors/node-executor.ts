import { createHash } from 'node:crypto'
import type { Json, JsonObject, NodeType } from '../graph/graph.js'
import type { Outputs } from '../run/events.js'

/** What a node asks of the outside. */
export interface NodeCall {
  /** The same for the same run, node, item and attempt, also when another process makes the call again: whoever is called does its
   *  work once for it. At most 200 characters. */
  readonly key: string
  readonly run: string
  /** Whose run it is: what is called must see and touch the data of no other. */
  readonly tenant: string
  /** The path of the node: `digest[3]/chat`. */
  readonly node: string
  readonly type: NodeType
  readonly attempt: number
  readonly input: JsonObject
  /** Aborts when the run is cancelled, the time is over, or this process may not go on with the run. */
  readonly signal: AbortSignal
  /** By when it must be done. */
  readonly deadline?: Date
  /** Tells those who watch the run how far it is; kept as an event. */
  report(progress: Json): void
}

/** Does the work of one type of node. @throws HoldfastError: its code decides whether another attempt makes sense */
export type NodeExecutor = (call: NodeCall) => Promise<Outputs>

export type NodeExecutors = { readonly [T in NodeType]?: NodeExecutor }

export function callKey(run: string, node: string, attempt: number): string {
  const plain = `dag:${run}:${node}:${attempt}`
  return plain.length <= 200 ? plain : `dag:${createHash('sha256').update(plain).digest('hex')}`
}
