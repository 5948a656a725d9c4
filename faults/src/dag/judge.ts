import type { CompiledGraph, JsonObject, Run, RunEvent } from '@holdfast/dag-execution'
import { simulate } from '@holdfast/dag-execution/testing'
import { answerTo, work } from './work.js'

export interface CallTold {
  readonly pid: number
  readonly run: string
  readonly node: string
  readonly attempt: number
  readonly at: number
}

export interface Judgement {
  /** That ended, in all runs. */
  nodes: number
  /** That ended in one of the two: the run, and the interpreter by itself. */
  lostNodes: number
  /** Nodes that ended in another way or with other outputs, and runs that did. */
  wrongOutputs: number
  /** Calls that began after their node's completion had been recorded. */
  recordedRerun: number
}

export interface AskedRun {
  readonly graph: CompiledGraph
  readonly inputs: JsonObject
  /** The signals that were given to it. */
  readonly approvals: readonly string[]
}

/** A run and what it told, against the interpreter without any outside. */
export function judge(
  { graph, inputs, approvals }: AskedRun,
  { run, events }: { readonly run: Run; readonly events: readonly RunEvent[] },
  calls: readonly CallTold[],
): Judgement {
  const oracle = simulate(graph, {
    inputs,
    signals: approvals.map((name) => ({ name, payload: answerTo(name) })),
    work: ({ node, attempt, input }) => work({ node, attempt, input }),
  })
  const ours = endings(events)
  const theirs = endings(oracle.events)
  let lostNodes = 0
  let wrongOutputs = run.state === oracle.phase && same(run.outputs, oracle.outputs) ? 0 : 1
  for (const node of new Set([...ours.keys(), ...theirs.keys()])) {
    const [our, their] = [ours.get(node), theirs.get(node)]
    if (our === undefined || their === undefined) lostNodes += 1
    else if (our !== their) wrongOutputs += 1
  }
  const completedAt = new Map(
    events.flatMap((event) => (event.type === 'node-completed' ? [[`${event.node} ${event.attempt}`, event.at]] : [])),
  )
  const recordedRerun = calls.filter(
    ({ node, attempt, at }) => at > (completedAt.get(`${node} ${attempt}`) ?? Infinity),
  ).length
  return { nodes: ours.size, lostNodes, wrongOutputs, recordedRerun }
}

/** How each node ended, but for the clock. */
function endings(events: readonly RunEvent[]): Map<string, string> {
  return new Map(
    events.flatMap((event) =>
      event.type === 'node-completed' || event.type === 'node-failed' || event.type === 'node-skipped'
        ? [[event.node, withoutTimes(event)]]
        : [],
    ),
  )
}

function same(a: unknown, b: unknown): boolean {
  return withoutTimes(a) === withoutTimes(b)
}

/** Members in order: what comes back from the database has them in another one. */
function withoutTimes(value: unknown): string {
  return (
    JSON.stringify(value, (name, member: unknown) => {
      if (name === 'at' || name === 'until') return null
      if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
      return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
    }) ?? ''
  )
}
