/** Where a part of the benchmark puts what it measured. */
export interface MediaReport {
  readonly long: boolean
  metric(this: void, name: string, value: number): void
  /** A line for people: what ran, with which settings. */
  note(this: void, line: string): void
}
