import { HoldfastError } from '@holdfast/errors'
import { compileGraph } from '../graph/compile.js'
import type { Json, JsonObject } from '../graph/graph.js'
import { checkInputs } from '../graph/inputs.js'
import { readGraphText } from '../graph/parse-graph.js'
import type { NodeError, Outputs, RunEvent } from '../run/events.js'
import { type SimulatedCall, simulate } from '../run/simulation.js'

export { type RandomGraphOptions, randomGraph, randomNumbers } from '../run/random-graph.js'
export { type SimulatedCall, type SimulatedRun, type SimulationOptions, simulate } from '../run/simulation.js'

/** What a node gives in a test: outputs, or a function of what it is asked, which may throw. */
export type NodeResult = Outputs | ((call: SimulatedCall) => Outputs)

export interface TestRunOptions {
  readonly inputs?: JsonObject
  /** By the ids of nodes; `digest/sum_up` for a node of a graph within, whichever item. A node that is asked and has no result fails the test. */
  readonly results?: { readonly [node: string]: NodeResult }
  /** Answers to approvals, by the names of their signals; null: yes. */
  readonly signals?: { readonly [name: string]: Json }
  /** The order in which calls end: from 0 to below `count`. Default: as they began. */
  readonly choose?: (count: number) => number
}

export interface TestRun {
  readonly state: 'succeeded' | 'failed' | 'cancelled'
  readonly outputs: Outputs | undefined
  readonly error: NodeError | undefined
  readonly failedNode: string | undefined
  /** What nodes were asked, in order. */
  readonly calls: readonly SimulatedCall[]
  readonly events: readonly RunEvent[]
}

/** Runs a graph in memory with results that a test makes up. Nothing is waited for: the clock stands at 2026-01-01T00:00:00Z and moves on by what a
 *  run waits for. The same call gives the same events.
 *  @param graph JSON or YAML, or what they say
 *  @throws INVALID_ARGUMENT as the service does; FAILED_PRECONDITION (NO_RESULT) if a node is asked that has no result */
export function testGraph(
  graph: unknown,
  { inputs = {}, results = {}, signals = {}, choose }: TestRunOptions = {},
): TestRun {
  const compiled = compileGraph(typeof graph === 'string' ? readGraphText(graph) : graph)
  checkInputs(compiled.source, inputs)
  const calls: SimulatedCall[] = []
  let missing: HoldfastError | undefined
  const { events, phase, outputs } = simulate(compiled, {
    inputs,
    signals: Object.entries(signals).map(([name, payload]) => ({ name, payload })),
    ...(choose === undefined ? {} : { choose }),
    work(call) {
      calls.push(call)
      const name = call.node.replaceAll(/\[\d+\]|[#@]\d+/g, '')
      const result = results[call.node] ?? results[name]
      if (result === undefined) {
        missing ??= new HoldfastError('FAILED_PRECONDITION', `The test says nothing of node ${name}, which is asked`, {
          reason: 'NO_RESULT',
        })
        throw missing
      }
      return typeof result === 'function' ? result(call) : result
    },
  })
  if (missing !== undefined) throw missing
  const last = events.at(-1)
  return {
    state: phase === 'succeeded' || phase === 'cancelled' ? phase : 'failed',
    outputs,
    error: last?.type === 'run-failed' ? last.error : undefined,
    failedNode: last?.type === 'run-failed' ? last.node : undefined,
    calls,
    events,
  }
}
