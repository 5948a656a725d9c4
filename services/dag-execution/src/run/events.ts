import type { ErrorCode } from '@holdfast/errors'
import type { Json } from '../graph/graph.js'

export interface NodeError {
  readonly code: ErrorCode
  readonly message: string
  readonly reason?: string
}

/** The outputs of a node by their ports. */
export type Outputs = { readonly [port: string]: Json }

/** What happened in a run, in the order of its log. `at`: milliseconds since 1970, by the clock of the process that runs it.
 *  `node` is the path of what it happened to: `stt`, `digest[3]` for an item, `digest[3]/chat` for a node of a graph within,
 *  `draft#2` for the third round of a loop, `digest@2/chat` for a node of a graph within that is tried for the second time. */
export type RunEvent = { readonly at: number } & (
  | {
      readonly type: 'run-started'
      /** Version of the graph. */
      readonly graph: string
      readonly inputs: { readonly [name: string]: Json }
      /** The run of which this one repeats a part. */
      readonly rerunOf?: string
    }
  /** Another process runs it now. Whoever ran it before can write nothing from here on. */
  | { readonly type: 'run-taken-over' }
  | { readonly type: 'run-paused'; readonly command?: number }
  | { readonly type: 'run-resumed'; readonly command?: number }
  /** Nothing starts any more; what runs is told to stop. */
  | { readonly type: 'run-stopping'; readonly why: 'cancelled' | 'timeout'; readonly command?: number }
  | { readonly type: 'run-completed'; readonly outputs: Outputs }
  | { readonly type: 'run-failed'; readonly error: NodeError; readonly node?: string }
  | { readonly type: 'run-cancelled' }
  /** `command`: the command that asked for it, by its number in the run's commands. */
  | { readonly type: 'signal-received'; readonly name: string; readonly payload: Json; readonly command?: number }
  /** The list of a node with forEach has so many items. */
  | { readonly type: 'node-expanded'; readonly node: string; readonly count: number }
  | {
      readonly type: 'node-started'
      readonly node: string
      readonly attempt: number
      /** When it is over by itself: a wait, an approval with a time limit, a graph within with one. */
      readonly until?: number
      /** Of an approval: the name of the signal that answers it. */
      readonly awaits?: string
    }
  /** The graph that a node holds took too long: what runs in it is told to stop, then the attempt has failed. */
  | { readonly type: 'node-stopping'; readonly node: string; readonly attempt: number; readonly why: 'timeout' }
  | { readonly type: 'node-progress'; readonly node: string; readonly attempt: number; readonly progress: Json }
  | {
      readonly type: 'node-completed'
      readonly node: string
      readonly attempt: number
      readonly outputs: Outputs
      /** Where outputs were not made by this run: in the cache, or in the run that it repeats. */
      readonly from?: 'cache' | 'rerun'
    }
  | {
      readonly type: 'node-retrying'
      readonly node: string
      readonly attempt: number
      readonly error: NodeError
      readonly until: number
    }
  | { readonly type: 'node-failed'; readonly node: string; readonly attempt: number; readonly error: NodeError }
  | { readonly type: 'node-skipped'; readonly node: string; readonly why: 'when' | 'skipped-before' | 'failed-before' }
  | { readonly type: 'node-cancelled'; readonly node: string; readonly attempt: number }
)

export type NewRunEvent = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'at'> : never) : never

export type RunPhase = 'running' | 'paused' | 'stopping' | 'succeeded' | 'failed' | 'cancelled'

/** The last event of a run says how it ended. */
export const endStates = { 'run-completed': 'succeeded', 'run-failed': 'failed', 'run-cancelled': 'cancelled' } as const

export function endsRun<E extends { readonly type: string }>(
  event: E,
): event is E & { readonly type: keyof typeof endStates } {
  return Object.hasOwn(endStates, event.type)
}
