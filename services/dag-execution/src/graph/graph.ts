/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json }

export type JsonObject = { readonly [member: string]: Json }

export const nodeTypes = [
  'speech-to-text',
  'text-to-speech',
  'chat',
  'vision',
  'image-generation',
  'http',
  'transform',
  'condition',
  'for-each',
  'sub-graph',
  'loop-breaker',
  'approval',
  'wait',
  'custom',
] as const

export type NodeType = (typeof nodeTypes)[number]

export interface RetryPolicy {
  /** How often a node is tried, the first time included. */
  readonly maxAttempts: number
  /** Before the second attempt, in milliseconds. */
  readonly backoffMs: number
  /** What the pause grows by from attempt to attempt. */
  readonly factor: number
  /** From 0 to 1: the pause is shortened at random by at most this part of it. */
  readonly jitter: number
}

/** What is done, once or for each of some items. Strings in `with` may hold `${{ expressions }}`. */
export interface GraphNode {
  readonly id: string
  readonly type: NodeType
  readonly with: JsonObject
  /** Nodes that must be done before, besides those whose outputs are used. */
  readonly needs: readonly string[]
  /** Runs only if this is true; otherwise it is skipped. */
  readonly when?: string
  /** Runs for each element of this list, as `item` and `index`. */
  readonly forEach?: string
  readonly retry?: RetryPolicy
  /** Of one attempt, in milliseconds; of an approval: of the wait. */
  readonly timeoutMs?: number
  /** Take the outputs from an earlier call with the same type and the same input. */
  readonly cache: boolean
  /** Of a `forEach`: how many items run at once; default: as many as the graph allows. */
  readonly concurrency?: number
  /** Its failure is not the run's: those behind it see `null` and its `error`. */
  readonly optional: boolean
}

export interface Graph {
  readonly name: string
  readonly description?: string
  /** `dag`; `tree`: every node has one node before it, but the first; `loop`: cycles, each through one loop-breaker. */
  readonly kind: 'dag' | 'tree' | 'loop'
  /** JSON Schemas of what a run is given. One with a `default` may be left out. */
  readonly inputs: { readonly [name: string]: JsonObject }
  readonly nodes: readonly GraphNode[]
  /** What a run answers: values with `${{ expressions }}`. */
  readonly outputs: JsonObject
  /** `continue`: branches that do not depend on a failed node go on to their end; `fail-fast`: running calls are cancelled and nothing
   *  new starts. Either way the run fails; of a graph within, the node that holds it. */
  readonly onFailure: 'continue' | 'fail-fast'
  /** Of a whole run, in milliseconds; of a graph within: of an attempt of the node that holds it. */
  readonly timeoutMs?: number
  /** How many calls of a run of it are under way at once, those of graphs within it included; default 256. */
  readonly concurrency: number
  /** How many runs of the graph there may be at once; the others wait. Default: as many as are started. Not of a graph within. */
  readonly maxRuns?: number
}

export const defaultConcurrency = 256

export function isObject(value: unknown): value is { readonly [member: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
