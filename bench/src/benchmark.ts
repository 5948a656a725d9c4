/** As `npm run bench` knows it. */
export interface Benchmark {
  run(options: BenchOptions): Promise<BenchReport>
}

/** What one benchmark answers: ratios and rates by name. */
export interface BenchReport {
  readonly metrics: Readonly<Record<string, number>>
  /** Lines for people: what ran, with which settings. */
  readonly notes: readonly string[]
}

export interface BenchOptions {
  /** The long form: more rounds, larger data. The quick one ends within 5 minutes. */
  readonly long: boolean
  /** One part of those that have parts (dag, gateway, media, session); default: all. */
  readonly part: string | undefined
  readonly report: (line: string) => void
}
