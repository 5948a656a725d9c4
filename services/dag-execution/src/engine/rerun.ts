import { invalidField } from '@holdfast/errors'
import type { CompiledGraph, CompiledNode } from '../graph/compile.js'
import type { RunEvent } from '../run/events.js'

/** What of a run's events another run takes over that repeats `from` and what follows from it; without `from`, all that was completed. Of a graph
 *  within that was tried more than once, the last attempt counts, and is the first one of the new run.
 *  @param at when they are taken over, in milliseconds since 1970
 *  @throws INVALID_ARGUMENT if the graph has no such node */
export function keptEvents(
  graph: CompiledGraph,
  events: readonly RunEvent[],
  { from, at }: { readonly from: string | undefined; readonly at: number },
): RunEvent[] {
  const again = from === undefined ? undefined : withoutAttempts(from)
  const isAffected = again === undefined ? () => false : affectedBy(graph, again)
  const isLast = lastAttempts(events)
  const kept: RunEvent[] = []
  for (const event of events) {
    if (!('node' in event) || event.node === undefined || !isLast(event)) continue
    const node = withoutAttempts(event.node)
    if (isAffected(node)) continue
    const isGraph = nodeAt(graph, node)?.graph !== undefined
    // A graph within is entered again, but for what of it is kept.
    if (event.type === 'node-started' && isGraph) {
      const { until, at: started } = event
      kept.push({ ...event, node, attempt: 1, at, ...(until === undefined ? {} : { until: at + until - started }) })
    } else if (event.type === 'node-expanded') kept.push({ ...event, node, at })
    else if (event.type === 'node-completed') {
      if (again?.startsWith(`${node}/`) === true) continue
      kept.push({ ...event, node, attempt: isGraph ? 1 : event.attempt, at, from: 'rerun' })
    }
  }
  return kept
}

/** Tells what happened in the last attempt of every graph within that it happened in. */
function lastAttempts(events: readonly RunEvent[]): (event: RunEvent) => boolean {
  const attempts = new Map<string, number>()
  for (const event of events) if (event.type === 'node-started') attempts.set(event.node, event.attempt)
  return (event) => {
    if (!('node' in event) || event.node === undefined) return false
    if (event.type === 'node-started' && event.attempt !== attempts.get(event.node)) return false
    const steps = event.node.split('/')
    return steps.slice(0, -1).every((step, place) => {
      const [name = '', attempt = '1'] = step.split('@')
      const path = [...steps.slice(0, place), name].join('/')
      return Number(attempt) === (attempts.get(path) ?? 1)
    })
  }
}

function withoutAttempts(path: string): string {
  return path.replaceAll(/@\d+(?=\/)/g, '')
}

interface Step {
  readonly id: string
  readonly round: number
  readonly item: number | undefined
}

function stepsOf(path: string): Step[] {
  return path.split('/').map((step) => {
    const [, id = '', round, item] = /^(\w+)(?:#(\d+))?(?:\[(\d+)\])?$/.exec(step) ?? []
    return { id, round: Number(round ?? 0), item: item === undefined ? undefined : Number(item) }
  })
}

function nodeAt(graph: CompiledGraph, path: string): CompiledNode | undefined {
  let within: CompiledGraph | undefined = graph
  let node: CompiledNode | undefined
  for (const { id } of stepsOf(path)) {
    node = within?.byId.get(id)
    within = node?.graph
  }
  return node
}

/** Whether a path is `from`, lies in it, or follows from it. */
function affectedBy(graph: CompiledGraph, from: string): (path: string) => boolean {
  const affected: { readonly prefix: string; readonly ids: ReadonlySet<string> }[] = []
  let within: CompiledGraph | undefined = graph
  let prefix = ''
  const steps = stepsOf(from)
  for (const [place, { id, item }] of steps.entries()) {
    const node: CompiledNode | undefined = within?.byId.get(id)
    if (within === undefined || node === undefined)
      throw invalidField('from', `names ${from}, which the graph does not have`)
    const ids = following(within, node)
    // One item of a list runs again, and so does one graph within: the others stay. A loop runs again from its first round.
    const isLast = place === steps.length - 1
    if (node.loop === undefined && (!isLast || item !== undefined)) ids.delete(id)
    affected.push({ prefix, ids })
    prefix += `${from.split('/')[place] ?? ''}/`
    within = node.graph
  }
  return (path) => {
    if (path === from || path.startsWith(`${from}/`)) return true
    return affected.some(({ prefix: inside, ids }) => {
      if (!path.startsWith(inside)) return false
      const [first = ''] = path.slice(inside.length).split('/')
      return ids.has(/^\w+/.exec(first)?.[0] ?? '')
    })
  }
}

/** The ids of a node and of all that is behind it in its graph. */
function following({ nodes }: CompiledGraph, node: CompiledNode): Set<string> {
  const found = new Set<CompiledNode>()
  const queue = [node]
  for (const one of queue) {
    if (found.has(one)) continue
    found.add(one)
    for (const index of [...one.behind, ...(one.loop?.body ?? [])]) {
      const next = nodes[index]
      if (next !== undefined) queue.push(next)
    }
  }
  return new Set([...found].map(({ id }) => id))
}
