import { HoldfastError } from '@holdfast/errors'
import type { CompiledNode } from '../graph/compile.js'
import type { Json, JsonObject, RetryPolicy } from '../graph/graph.js'
import { defaultRetry } from '../graph/parse-graph.js'
import type { Outputs } from './events.js'
import type { Task, Unit } from './scope.js'

// What nodes come to that ask nothing of the outside.

const maxItems = 10_000
const longestWaitMs = 10 * 365 * 86_400_000

/** Why a node before which all is settled does not run; `undefined`: it does.
 *  @throws INVALID_ARGUMENT (EXPRESSION_FAILED) if its `when` is neither true nor false */
export function skipOf(task: Task): 'failed-before' | 'skipped-before' | 'when' | undefined {
  const { scope, node } = task
  const before = node.before.map((index) => scope.tasks[index] as Task)
  if (before.some(({ isBlocking }) => isBlocking)) return 'failed-before'
  if (before.length > 0 && before.every(({ outcome }) => outcome === 'skipped')) return 'skipped-before'
  const value = node.when === undefined ? true : scope.evaluate(node.when, task)
  if (typeof value !== 'boolean') throw notA(`when of ${task.path}`, 'true or false', value)
  return value ? undefined : 'when'
}

/** The list of a node that runs for each of some items. @throws as `skipOf` */
export function itemsOf(task: Task): readonly Json[] {
  const { scope, node } = task
  if (task.items === undefined || (task.items.length === 0 && task.units.length > 0)) {
    const items = node.items === undefined ? [] : scope.evaluate(node.items, task)
    if (!Array.isArray(items)) throw notA(`forEach of ${task.path}`, 'a list', items)
    if (items.length > maxItems)
      throw new HoldfastError(
        'INVALID_ARGUMENT',
        `forEach of ${task.path} has ${items.length} items, and at most ${maxItems} can be run`,
      )
    task.items = items as readonly Json[]
  }
  return task.items
}

/** Of a transform, a condition, or a loop-breaker. @throws as `skipOf` */
export function pureOutputs({ task }: Unit, input: JsonObject): Outputs {
  const { node, round, path } = task
  if (node.source.type === 'transform') return { value: input['value'] ?? null }
  if (node.source.type === 'condition') {
    const { if: result } = input
    if (typeof result !== 'boolean') throw notA(`if of ${path}`, 'true or false', result)
    return { result }
  }
  const { until = false, value = null } = input
  if (typeof until !== 'boolean') throw notA(`until of ${path}`, 'true or false', until)
  return { value, iteration: round, done: until || round + 1 >= Number(input['max']) }
}

/** When a node that starts now is over by itself, or has taken too long, if that is for the interpreter to see. @throws as `skipOf` */
export function untilOf(node: CompiledNode, input: JsonObject, now: number): { readonly until?: number } {
  const { type, timeoutMs } = node.source
  const limitMs = node.graph === undefined ? (type === 'approval' ? timeoutMs : undefined) : graphLimitMs(node)
  if (type !== 'wait') return limitMs === undefined ? {} : { until: now + limitMs }
  const { ms, until } = input
  if (typeof ms === 'number' && ms >= 0 && ms <= longestWaitMs) return { until: Math.round(now + ms) }
  const moment = typeof until === 'string' ? Date.parse(until) : Number.NaN
  if (!Number.isNaN(moment)) return { until: moment }
  throw notA('ms or until', 'a time', ms ?? until)
}

/** How long a graph within may take: what its node says or what it says itself, whichever is less. */
export function graphLimitMs({ source, graph }: CompiledNode): number | undefined {
  const limits = [source.timeoutMs, graph?.source.timeoutMs].filter((limit) => limit !== undefined)
  return limits.length === 0 ? undefined : Math.min(...limits)
}

/** A graph within is tried once unless its node says otherwise: its nodes have attempts of their own. */
export function retryOf({ source, work }: CompiledNode): RetryPolicy {
  return source.retry ?? (work === 'graph' ? { ...defaultRetry, maxAttempts: 1 } : defaultRetry)
}

function notA(what: string, asked: string, value: unknown): HoldfastError {
  return new HoldfastError(
    'INVALID_ARGUMENT',
    `${what} must be ${asked}, and is ${JSON.stringify(value)?.slice(0, 100)}`,
    { reason: 'EXPRESSION_FAILED' },
  )
}
