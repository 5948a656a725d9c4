/** A job in the hands of a worker; times by the database's clock, milliseconds since 1970. */
export interface Handout {
  readonly id: string
  readonly token: string
  readonly version: number
  readonly at: number
  /** When the lease runs out. */
  readonly until: number
  /** When it was finished, or ran out. */
  end: number
}

export type WorkerMessage =
  | { readonly kind: 'claimed'; readonly handout: Omit<Handout, 'end'> }
  | { readonly kind: 'finished'; readonly id: string; readonly token: string; readonly at: number }
  /** The worker found its lease lost. */
  | { readonly kind: 'lost' }
  /** No job is open any more. */
  | { readonly kind: 'done' }

/** How many began before the one before them, of the same job, was over; or are the same handout twice. */
export function handoutsThatOverlap(handouts: readonly Handout[]): number {
  const sorted = handouts.toSorted((a, b) => (a.id === b.id ? a.version - b.version : a.id < b.id ? -1 : 1))
  return sorted.filter((handout, index) => {
    const before = sorted[index - 1]
    if (before?.id !== handout.id) return false
    return before.token === handout.token || before.version === handout.version || handout.at < before.end
  }).length
}
