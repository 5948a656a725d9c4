import type { Labels, Scraped, Series } from './prometheus-text.js'

/** What processes told at two times, as increases between them. */
export interface Interval {
  readonly seconds: number
  /** One for each process that answered both times. */
  readonly processes: readonly { readonly before: Scraped; readonly after: Scraped }[]
}

/** Durations that were observed in an interval, of all processes together. */
export interface Observed {
  readonly perSecond: number
  /** Milliseconds; `undefined`: nothing was observed. */
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
}

/** Increase a second of a counter, summed over what `only` takes. */
export function rateOf(interval: Interval, name: string, only: (labels: Labels) => boolean = () => true): number {
  let sum = 0
  for (const { before, after } of interval.processes) {
    for (const { labels, increase } of increases(before.get(name), after.get(name))) if (only(labels)) sum += increase
  }
  return sum / interval.seconds
}

/** Of a histogram of seconds. */
export function observed(interval: Interval, name: string, only: (labels: Labels) => boolean = () => true): Observed {
  const buckets = new Map<number, number>()
  for (const { before, after } of interval.processes) {
    for (const { labels, increase } of increases(before.get(`${name}_bucket`), after.get(`${name}_bucket`))) {
      const { le, ...others } = labels
      if (le === undefined || !only(others)) continue
      const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le)
      buckets.set(bound, (buckets.get(bound) ?? 0) + increase)
    }
  }
  const sorted = [...buckets].sort(([a], [b]) => a - b)
  const perSecond = (sorted.at(-1)?.[1] ?? 0) / interval.seconds
  return { perSecond, p50Ms: quantileMs(0.5, sorted), p99Ms: quantileMs(0.99, sorted) }
}

/** Values of one label that the series of a metric have. */
export function valuesOf({ processes }: Interval, name: string, label: string): string[] {
  const found = new Set<string>()
  for (const { after } of processes) {
    for (const { labels } of after.get(name) ?? []) if (labels[label] !== undefined) found.add(labels[label])
  }
  return [...found].toSorted()
}

/** The sum of a gauge over the processes, or of the process that has `most` for what all of them tell alike; `undefined`: none tells it. */
export function gaugeOf(
  { processes }: Interval,
  name: string,
  { only = () => true, most = false }: { readonly only?: (labels: Labels) => boolean; readonly most?: boolean } = {},
): number | undefined {
  const sums = processes.flatMap(({ after }) => {
    const values = (after.get(name) ?? []).filter(({ labels }) => only(labels)).map(({ value }) => value)
    return values.length === 0 ? [] : [values.reduce((sum, value) => sum + value, 0)]
  })
  if (sums.length === 0) return undefined
  return most ? Math.max(...sums) : sums.reduce((sum, value) => sum + value, 0)
}

/** A series that was not there began at 0; one that went down began anew, with its process. */
function increases(
  before: readonly Series[] = [],
  after: readonly Series[] = [],
): { readonly labels: Labels; readonly increase: number }[] {
  const known = new Map(before.map(({ labels, value }) => [JSON.stringify(labels), value]))
  return after.map(({ labels, value }) => {
    const from = known.get(JSON.stringify(labels)) ?? 0
    return { labels, increase: value >= from ? value - from : value }
  })
}

/** As Prometheus's histogram_quantile: linear within a bucket; of the last one only its lower bound is known.
 *  @param buckets cumulated, in the order of their bounds */
function quantileMs(quantile: number, buckets: readonly (readonly [number, number])[]): number | undefined {
  const total = buckets.at(-1)?.[1] ?? 0
  if (total === 0) return undefined
  const rank = quantile * total
  let [lower, below] = [0, 0]
  for (const [upper, count] of buckets) {
    if (count >= rank) {
      const share = upper === Number.POSITIVE_INFINITY ? 0 : (rank - below) / (count - below)
      return (lower + (upper === Number.POSITIVE_INFINITY ? 0 : (upper - lower) * share)) * 1000
    }
    ;[lower, below] = [upper, count]
  }
  return undefined
}
