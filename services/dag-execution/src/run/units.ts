import type { Flow } from './flow.js'
import { type Task, Unit } from './scope.js'
import type { Starts } from './starts.js'

/** The executions of nodes, by their paths. Of a node with a list, as many may start at once as it says. */
export class Units {
  readonly #flow: Flow
  readonly #starts: Starts
  readonly #byPath = new Map<string, Unit>()

  constructor(flow: Flow, starts: Starts) {
    this.#flow = flow
    this.#starts = starts
  }

  find(path: string): Unit | undefined {
    return this.#byPath.get(path)
  }

  /** @throws DATA_LOSS (LOG_CONTRADICTS) */
  get(path: string): Unit {
    const known = this.#byPath.get(path)
    if (known !== undefined) return known
    const task = this.#flow.task(path)
    this.open(task)
    return task.units[0] as Unit
  }

  /** @param count of its items; default: it has no list */
  open(task: Task, count?: number): void {
    task.state = 'open'
    task.units =
      count === undefined
        ? [new Unit(task, undefined)]
        : Array.from({ length: count }, (_, index) => new Unit(task, index))
    task.unsettled = task.units.length
    for (const unit of task.units) this.#byPath.set(unit.path, unit)
  }

  /** The list of a node has so many items. */
  expand(task: Task, count: number): void {
    task.items ??= []
    this.open(task, count)
    if (count === 0) this.#flow.settle(task, 'completed')
    else this.offer(task)
  }

  /** Puts as many as may run at once where they can start. */
  offer(task: Task): void {
    if (task.units.length === 0 && task.items === undefined) this.open(task)
    const limit = task.node.source.concurrency ?? Number.POSITIVE_INFINITY
    while (task.busy < limit && task.next < task.units.length) {
      const unit = task.units[task.next] as Unit
      task.next += 1
      if (unit.state !== 'waiting') continue
      unit.state = 'ready'
      task.busy += 1
      this.#starts.add(unit)
    }
  }
}
