import { HoldfastError } from '@holdfast/errors'
import type { CompiledGraph } from '../graph/compile.js'
import type { Json, JsonObject } from '../graph/graph.js'
import type { Outputs, RunEvent, RunPhase } from './events.js'
import { Interpreter } from './interpreter.js'
import { nodeError } from './node-error.js'

/** What a node is asked in a simulation. */
export interface SimulatedCall {
  readonly node: string
  readonly type: string
  readonly attempt: number
  readonly input: JsonObject
}

export interface SimulationOptions {
  readonly inputs?: JsonObject
  /** The outputs of a call, the same for the same call. @throws what the node fails with */
  readonly work: (call: SimulatedCall) => Outputs
  /** Which of so many things happens next: from 0 to below `count`. Default: the first. */
  readonly choose?: (count: number) => number
  /** Whether everything but the log is lost now; asked between any two events. Default: never. */
  readonly dies?: () => boolean
  /** Signals, each given as soon as no call is under way. */
  readonly signals?: readonly { readonly name: string; readonly payload: Json }[]
}

export interface SimulatedRun {
  readonly events: readonly RunEvent[]
  readonly phase: RunPhase
  readonly outputs: Outputs | undefined
}

/** A run without any outside, its clock moved on by what it waits for: the interpreter by itself, and what a run on the engine is compared with.
 *  @throws INTERNAL if the run can neither go on nor end */
export function simulate(graph: CompiledGraph, options: SimulationOptions): SimulatedRun {
  const { inputs = {}, work, choose = () => 0, dies = () => false } = options
  const signals = [...(options.signals ?? [])]
  const events: RunEvent[] = []
  let now = Date.UTC(2026, 0, 1)
  let interpreter = new Interpreter(graph, 'simulated')
  const happen = (event: RunEvent) => {
    interpreter.apply(event)
    events.push(event)
  }
  happen({ at: now, type: 'run-started', graph: 'simulated', inputs })
  for (;;) {
    events.push(...interpreter.advance(now))
    if (interpreter.hasEnded) break
    if (dies()) {
      interpreter = new Interpreter(graph, 'simulated')
      for (const event of events) interpreter.apply(event)
      continue
    }
    const calls = [...interpreter.calls()]
    const call = calls[choose(calls.length)]
    if (call !== undefined) {
      const { node, attempt, unit } = call
      if (unit.task.scope.isStopping) {
        happen({ at: now, type: 'node-cancelled', node, attempt })
        continue
      }
      now += 1
      try {
        const outputs = work({ node, type: unit.task.node.source.type, attempt, input: interpreter.inputOf(unit) })
        happen({ at: now, type: 'node-completed', node, attempt, outputs })
      } catch (error) {
        happen({ at: now, ...interpreter.failure(node, nodeError(error), now, 0) })
      }
      continue
    }
    const next = interpreter.nextTime
    const signal = signals.shift()
    if (signal !== undefined) happen({ at: now, type: 'signal-received', ...signal })
    else if (next !== undefined) now = Math.max(now, next)
    else throw new HoldfastError('INTERNAL', 'The run is stuck: it waits for nothing that could happen')
  }
  const last = events.at(-1)
  return { events, phase: interpreter.phase, outputs: last?.type === 'run-completed' ? last.outputs : undefined }
}
