/** One side of a comparison: does the operation once. `worker` is 0 to concurrency - 1. */
export type Operation = (worker: number) => Promise<unknown>

export interface Measured {
  /** Operations per second. */
  readonly perSecond: number
  /** Milliseconds, ascending. */
  readonly latencies: Float64Array
}

/** Runs an operation from `concurrency` callers at once, each calling again as soon as it is answered, for about `ms`. */
export async function measure(operation: Operation, concurrency: number, ms: number): Promise<Measured> {
  const latencies: number[] = []
  const start = performance.now()
  const end = start + ms
  await Promise.all(
    Array.from({ length: concurrency }, async (_, worker) => {
      for (let before = performance.now(); before < end;) {
        await operation(worker)
        const now = performance.now()
        latencies.push(now - before)
        before = now
      }
    }),
  )
  const seconds = (performance.now() - start) / 1000
  return { perSecond: latencies.length / seconds, latencies: Float64Array.from(latencies).sort() }
}

export interface Comparison {
  /** Median over the rounds of (subject / baseline), both measured in the same round. */
  readonly ratio: number
  readonly subjectPerSecond: number
  readonly baselinePerSecond: number
}

/** Measures two sides in alternation, swapping who goes first, so that drift of the machine meets both alike. */
export async function compare(
  subject: Operation,
  baseline: Operation,
  options: { readonly concurrency: number; readonly rounds: number; readonly ms: number },
): Promise<Comparison> {
  const { concurrency, rounds, ms } = options
  // Until the compiler has seen enough of both; the longer code path needs longer.
  await measure(baseline, concurrency, ms * 2)
  await measure(subject, concurrency, ms * 2)
  const subjects: number[] = []
  const baselines: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? ([subject, baseline] as const) : ([baseline, subject] as const)
    const first = await measure(order[0], concurrency, ms)
    const second = await measure(order[1], concurrency, ms)
    subjects.push((round % 2 === 0 ? first : second).perSecond)
    baselines.push((round % 2 === 0 ? second : first).perSecond)
  }
  return {
    ratio: median(subjects.map((perSecond, round) => perSecond / (baselines[round] ?? 1))),
    subjectPerSecond: median(subjects),
    baselinePerSecond: median(baselines),
  }
}

export function median(values: Iterable<number>): number {
  return quantile(Float64Array.from(values).sort(), 0.5)
}

/** @param sorted ascending */
export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export function rounded(value: number, digits = 3): number {
  return Number(value.toFixed(digits))
}
