import { HoldfastError } from '@holdfast/errors'
import type { Collection, Document, TenantStore } from '@holdfast/persistence'
import type { Json, JsonObject } from '../graph/graph.js'
import type { NodeError, Outputs } from '../run/events.js'
import type { Run, RunState } from './execution-engine.js'

/** A run as it is stored. What happens in it is in its log. */
export interface RunRecord {
  readonly graph: string
  readonly version: string
  readonly state: RunState
  /** Whether it wants an owner: neither waiting for its turn, nor for a time or a signal, nor ended. */
  readonly open: boolean
  /** Of a run that waits without an owner: when it wants one again, in milliseconds since 1970; absent: when something is asked of it. */
  readonly wakeAt?: number
  readonly priority: number
  /** Milliseconds since 1970, for the order among runs of one priority. */
  readonly order: number
  readonly inputs: JsonObject
  readonly labels: { readonly [name: string]: string }
  /** Of what a start with a key asked for. */
  readonly digest?: string
  readonly rerun?: { readonly run: string; readonly from?: string }
  /** The trace of whoever started it, as W3C's `traceparent`. */
  readonly trace?: string
  readonly endedAt?: number
  readonly error?: NodeError
  readonly failedNode?: string
  readonly outputs?: Outputs
  readonly [member: string]: Json | undefined | object
}

export function runRecords(store: Pick<TenantStore, 'collection'>): Collection<RunRecord> {
  return store.collection<RunRecord>('dag-runs', {
    columns: ['open', 'state', 'priority', 'order', 'graph'],
    indexes: [
      { on: ['open', 'priority', 'order'], direction: [1, -1, 1] },
      { on: ['state', 'graph', 'order'] },
      { on: ['graph', 'order'] },
      { on: 'order' },
      { on: 'wakeAt' },
    ],
  })
}

export function runOf({ id, data, createdAt }: Document<RunRecord>): Run {
  const { graph, version, state, priority, labels, endedAt, error, failedNode, outputs, rerun } = data
  return {
    id,
    graph,
    version,
    state,
    priority,
    labels,
    createdAt,
    ...(endedAt === undefined ? {} : { endedAt: new Date(endedAt) }),
    ...(error === undefined ? {} : { error }),
    ...(failedNode === undefined ? {} : { failedNode }),
    ...(outputs === undefined ? {} : { outputs }),
    ...(rerun === undefined ? {} : { rerunOf: rerun.run }),
  }
}

/** Under way, whether it has an owner at the moment or not. */
export const underWay: readonly RunState[] = ['running', 'paused']

export function hasEnded(state: RunState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled'
}

export function noRun(id: string): HoldfastError {
  return new HoldfastError('NOT_FOUND', `There is no run ${id}`, { reason: 'RUN_NOT_FOUND' })
}

export function ended(id: string, state: RunState): HoldfastError {
  return new HoldfastError('FAILED_PRECONDITION', `Run ${id} has ended: it is ${state}`, { reason: 'RUN_ENDED' })
}
