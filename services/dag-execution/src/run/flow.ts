import { logContradicts } from './node-error.js'
import type { Outputs } from './events.js'
import type { Outcome, Scope, Task } from './scope.js'

/** What follows among the nodes of graphs when one of them is settled: which nodes can be decided, which loops go round, which graphs have ended. */
export class Flow {
  readonly #tasks = new Map<string, Task>()
  /** A stack, onto which nodes are put from the last to the first, so that they are decided in the order of the graph. */
  readonly #decidable: Task[] = []
  readonly #ended: Scope[] = []

  /** @throws DATA_LOSS (LOG_CONTRADICTS) */
  task(path: string): Task {
    const task = this.#tasks.get(path)
    if (task === undefined) throw logContradicts(`The run has no node ${path}`)
    return task
  }

  open(scope: Scope): void {
    for (const task of scope.tasks.toReversed()) {
      this.#tasks.set(task.path, task)
      if (task.missing === 0) this.#decidable.push(task)
    }
  }

  /** Takes the next node before which all is settled. */
  nextDecidable(): Task | undefined {
    for (let task = this.#decidable.pop(); task !== undefined; task = this.#decidable.pop()) {
      // It may stand here from an earlier round, when that was read from a log.
      if (task.state === 'pending' && task.missing === 0 && !task.scope.isStopping) return task
    }
    return undefined
  }

  /** Takes the next graph of which every node is settled. */
  nextEnded(): Scope | undefined {
    for (let scope = this.#ended.pop(); scope !== undefined; scope = this.#ended.pop()) {
      const { parent, isStopping } = scope
      if (!isStopping && (parent === undefined || (parent.state === 'started' && parent.child === scope))) return scope
    }
    return undefined
  }

  settle(task: Task, outcome: Outcome): void {
    const { scope, node } = task
    task.state = 'settled'
    task.outcome = outcome
    if (node.loop === undefined) {
      scope.unsettled -= 1
      this.#release(task, node.behind)
    } else if (node.index !== node.loop.breaker) {
      const { body } = node.loop
      this.#release(
        task,
        node.behind.filter((index) => body.includes(index)),
      )
    } else if (outcome === 'completed' && task.units[0]?.outputs?.['done'] === false) {
      this.#nextRound(task, task.units[0].outputs)
    } else {
      const { body } = node.loop
      scope.unsettled -= body.length
      for (const index of body) {
        const one = scope.tasks[index] as Task
        this.#release(
          one,
          one.node.behind.filter((other) => !body.includes(other)),
        )
      }
    }
    if (scope.unsettled === 0) this.#ended.push(scope)
  }

  #release({ scope }: Task, behind: readonly number[]): void {
    for (const index of behind.toReversed()) {
      const next = scope.tasks[index] as Task
      next.missing -= 1
      if (next.missing === 0 && next.state === 'pending') this.#decidable.push(next)
    }
  }

  #nextRound({ scope, node }: Task, outputs: Outputs): void {
    for (const index of node.loop?.body ?? []) {
      const task = scope.tasks[index] as Task
      task.reset()
      if (index === node.index) task.previous = outputs
      this.#tasks.set(task.path, task)
      if (task.missing === 0) this.#decidable.push(task)
    }
  }
}
