import type { Json, JsonObject } from '../graph/graph.js'
import type { NodeError, Outputs, RunEvent } from '../run/events.js'

/** `queued`: it waits because as many runs as may be are under way. */
export type RunState = 'queued' | 'running' | 'paused' | 'succeeded' | 'failed' | 'cancelled'

export interface Run {
  readonly id: string
  /** The name of its graph. */
  readonly graph: string
  /** The version of the graph that it started with, and keeps. */
  readonly version: string
  readonly state: RunState
  readonly priority: number
  readonly labels: { readonly [name: string]: string }
  readonly createdAt: Date
  readonly endedAt?: Date
  readonly error?: NodeError
  /** The node that failed it. */
  readonly failedNode?: string
  /** Once it has succeeded. */
  readonly outputs?: Outputs
  readonly rerunOf?: string
}

export interface StartRun {
  /** A graph that holds all it needs (see `bundleGraph`). */
  readonly graph: Json
  readonly inputs?: JsonObject
  /** Idempotency key, 1 to 200 characters: a repeated start finds the same run. @throws ALREADY_EXISTS if it was another start */
  readonly key?: string
  /** Higher first, from -100 to 100; default 0. */
  readonly priority?: number
  readonly labels?: { readonly [name: string]: string }
}

export interface ListRuns {
  readonly graph?: string
  readonly state?: RunState
  /** From 1 to 500; default 50. */
  readonly limit?: number
  readonly cursor?: string
}

export interface RunEventAt {
  /** Pass as `after` to go on behind it. */
  readonly cursor: number
  readonly event: RunEvent
}

/** What a node of a run is at. */
export interface NodeState {
  /** Its path. */
  readonly node: string
  readonly type: string
  readonly state: 'pending' | 'running' | 'retrying' | 'completed' | 'failed' | 'skipped' | 'blocked' | 'cancelled'
  readonly attempt: number
  readonly outputs?: Outputs
  readonly error?: NodeError
}

/** Runs graphs and keeps what they do. What holds for every engine is written down in its conformance suite.
 *  Errors: NOT_FOUND for a run that is not there; FAILED_PRECONDITION (RUN_ENDED) for what an ended run cannot do. */
export interface ExecutionEngine extends AsyncDisposable {
  /** Answers when the run is durable. @throws INVALID_ARGUMENT (GRAPH_INVALID, INPUTS_INVALID) */
  start(request: StartRun): Promise<Run>
  get(id: string): Promise<Run>
  /** What its nodes are at, in the order of the graph. */
  nodes(id: string): Promise<readonly NodeState[]>
  /** Newest first. */
  list(request?: ListRuns): Promise<{ readonly runs: readonly Run[]; readonly next?: string }>
  /** What has happened after a cursor (default 0: all), then what happens, until the run has ended or `signal` aborts. */
  subscribe(id: string, options?: { readonly after?: number; readonly signal?: AbortSignal }): AsyncIterable<RunEventAt>
  /** Waits for the end of a run. @throws CANCELLED when `signal` aborts */
  wait(id: string, options?: { readonly signal?: AbortSignal }): Promise<Run>
  /** Answers an approval. It may come before the run asks. @param signal.key idempotency key */
  signal(id: string, signal: { readonly name: string; readonly payload?: Json; readonly key?: string }): Promise<void>
  /** Calls under way are told to stop, nothing new starts, then the run is cancelled. Repeating it does nothing. */
  cancel(id: string): Promise<void>
  /** Nothing new starts until it is resumed; what runs goes on. */
  pause(id: string): Promise<void>
  resume(id: string): Promise<void>
  /** Another run of the same graph with the same inputs, in which only `from` (the path of a node, or of an item: `digest[3]`) and what follows from
   *  it runs again; the rest is taken from the record. Default: what failed. @param options.key idempotency key */
  rerun(id: string, options?: { readonly from?: string; readonly key?: string }): Promise<Run>
}
