/** The lanes of this process in which calls wait, each with when its oldest one came. */
const waiting = new Map<object, number>()

export function laneWaits(lane: object, since: number): void {
  waiting.set(lane, since)
}

export function laneIsEmpty(lane: object): void {
  waiting.delete(lane)
}

/** For how long the oldest call to any store of this process has waited for its round trip to begin, in milliseconds. A server that
 *  finds it high for long has more work than its database can do. */
export function oldestWaitMs(): number {
  let oldest = Infinity
  for (const since of waiting.values()) oldest = Math.min(oldest, since)
  return oldest === Infinity ? 0 : performance.now() - oldest
}
