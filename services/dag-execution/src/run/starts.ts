import type { Scope, Unit } from './scope.js'

/** What may start, in which order. Each graph has its limit of calls at once; a call counts for its own graph and for all that this lies in. */
export class Starts {
  readonly #ready: Unit[] = []
  /** Graphs in which a place has come free that something waits for. */
  readonly #freed: Scope[] = []

  add(unit: Unit): void {
    this.#ready.push(unit)
  }

  /** Takes the next that may start now. */
  next(): Unit | undefined {
    for (;;) {
      const unit = this.#nextHeld() ?? this.#ready.shift()
      if (unit === undefined) return undefined
      // One that was read from a log may stand here from an attempt that is over.
      if (unit.state !== 'ready' || unit.until !== undefined || unit.task.scope.isStopping) continue
      const full = unit.task.node.work === 'call' ? firstFull(unit.task.scope) : undefined
      if (full === undefined) return unit
      full.held.push(unit)
    }
  }

  /** A call has begun. */
  began({ task }: Unit): void {
    for (let one: Scope | undefined = task.scope; one !== undefined; one = one.parent?.task.scope) one.calls += 1
  }

  /** A call has ended. */
  ended({ task }: Unit): void {
    for (let one: Scope | undefined = task.scope; one !== undefined; one = one.parent?.task.scope) {
      one.calls -= 1
      if (one.held.length > 0) this.#freed.push(one)
    }
  }

  #nextHeld(): Unit | undefined {
    for (let one = this.#freed.at(-1); one !== undefined; one = this.#freed.at(-1)) {
      if (one.calls < one.graph.source.concurrency && one.held.length > 0) return one.held.shift()
      this.#freed.pop()
    }
    return undefined
  }
}

function firstFull(scope: Scope): Scope | undefined {
  for (let one: Scope | undefined = scope; one !== undefined; one = one.parent?.task.scope) {
    if (one.calls >= one.graph.source.concurrency) return one
  }
  return undefined
}
