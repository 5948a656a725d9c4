import type { CompiledGraph } from '../graph/compile.js'
import type { NodeError } from './events.js'
import { graphLimitMs, retryOf } from './node-work.js'
import type { Scope, Stop, Unit } from './scope.js'

/** Graphs that end before all their nodes have: nothing of them starts any more, and they end once no call in them is under way. */
export class Stopping {
  readonly #scopes = new Set<Scope>()

  get isAny(): boolean {
    return this.#scopes.size > 0
  }

  /** @returns whether it was not stopping before */
  add(scope: Scope, stop: Stop): boolean {
    if (scope.stop !== undefined) return false
    scope.stop = stop
    this.#scopes.add(scope)
    return true
  }

  delete(scope: Scope): void {
    this.#scopes.delete(scope)
  }

  /** Takes the next that can end. */
  next(): Scope | undefined {
    for (const scope of this.#scopes) {
      if (scope.calls > 0) continue
      this.#scopes.delete(scope)
      // One that lies in another one that is stopping ends with it.
      if (scope.parent?.task.scope.isStopping !== true) return scope
    }
    return undefined
  }
}

/** What a failure stops: the first graph on its way up that says `fail-fast`, unless something before it puts up with the failure. */
export function stoppedByFailure(unit: Unit): { readonly scope: Scope; readonly stop: Stop } | undefined {
  for (let one: Unit | undefined = unit; one !== undefined; one = one.task.scope.parent) {
    const { scope, node } = one.task
    if (node.source.optional || (one !== unit && one.attempt < retryOf(node).maxAttempts)) return undefined
    if (scope.graph.source.onFailure !== 'fail-fast') continue
    return {
      scope,
      stop: { why: 'failed', node: unit.path, ...(unit.error === undefined ? {} : { error: unit.error }) },
    }
  }
  return undefined
}

export function runTimeout({ source }: CompiledGraph): NodeError {
  return {
    code: 'DEADLINE_EXCEEDED',
    message: `The run took longer than ${source.timeoutMs} ms`,
    reason: 'RUN_TIMEOUT',
  }
}

/** Of the graph that a node holds. */
export function graphTimeout({ path, task }: Unit): NodeError {
  return {
    code: 'DEADLINE_EXCEEDED',
    message: `${path} took longer than ${graphLimitMs(task.node)} ms`,
    reason: 'NODE_TIMEOUT',
  }
}

export function approvalTimeout({ path }: Unit): NodeError {
  return { code: 'DEADLINE_EXCEEDED', message: `Nobody has answered ${path} in time`, reason: 'APPROVAL_TIMEOUT' }
}
