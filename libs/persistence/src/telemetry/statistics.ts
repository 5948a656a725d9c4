import type { StatementShape } from './statement-shape.js'

/** What statements of one shape have cost since the store was opened. */
export interface StatementStatistics extends StatementShape {
  /** Round trips. */
  readonly count: number
  /** Calls that travelled in them: `calls / count` is what coalescing gathered. */
  readonly calls: number
  readonly rows: number
  readonly errors: number
  readonly totalMs: number
  readonly maxMs: number
}

export interface ConnectionStatistics {
  readonly max: number
  readonly used: number
  readonly idle: number
  /** Callers that wait for one. */
  readonly waiting: number
}

type Counters = { -readonly [Name in keyof StatementStatistics]: StatementStatistics[Name] }

export class Statistics {
  readonly #byShape = new Map<StatementShape, Counters>()

  add(shape: StatementShape, ms: number, calls: number, rows: number, failed: boolean): void {
    let counters = this.#byShape.get(shape)
    if (counters === undefined) {
      counters = { ...shape, count: 0, calls: 0, rows: 0, errors: 0, totalMs: 0, maxMs: 0 }
      this.#byShape.set(shape, counters)
    }
    counters.count += 1
    counters.calls += calls
    counters.rows += rows
    counters.totalMs += ms
    if (ms > counters.maxMs) counters.maxMs = ms
    if (failed) counters.errors += 1
  }

  /** The most costly first; shapes that differ only in their text are added up. */
  read(): StatementStatistics[] {
    const sums = new Map<string, Counters>()
    for (const counters of this.#byShape.values()) {
      const name = `${counters.operation}:${counters.collection ?? ''}`
      const sum = sums.get(name)
      if (sum === undefined) {
        sums.set(name, { ...counters })
        continue
      }
      sum.count += counters.count
      sum.calls += counters.calls
      sum.rows += counters.rows
      sum.errors += counters.errors
      sum.totalMs += counters.totalMs
      sum.maxMs = Math.max(sum.maxMs, counters.maxMs)
    }
    return [...sums.values()].sort((a, b) => b.totalMs - a.totalMs)
  }
}
