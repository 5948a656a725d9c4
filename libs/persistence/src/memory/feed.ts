import type { ChangeKind, FeedEntry, FeedHead, FeedOperations, FeedPage, FeedSpec } from '../feed/feed-operations.js'
import { trimmedError } from '../feed/feed-position.js'
import type { Journal, Run } from './journal.js'

interface Feed {
  /** Of the last entry of any tenant. */
  position: number
  readonly tenants: Map<string, TenantFeed>
}

interface TenantFeed {
  /** In the order of their positions. */
  readonly entries: FeedEntry[]
  trimmed: number
}

/** The change feeds of the memory backend. Writes run one at a time, so the order in which they record is that of their commits. */
export class MemoryFeeds implements FeedOperations {
  readonly #run: Run
  readonly #journal: Journal
  readonly #clock: () => number
  /** By collection. One that is here has its feed on. */
  readonly #feeds = new Map<string, Feed>()
  readonly #recorded = new Set<string>()
  readonly #listeners: ((collection: string) => void)[] = []

  constructor(run: Run, journal: Journal, clock: () => number) {
    this.#run = run
    this.#journal = journal
    this.#clock = clock
  }

  ensure(collection: string, spec: FeedSpec | undefined): Promise<boolean> {
    return this.#run(() => {
      if (spec !== undefined && !this.#feeds.has(collection)) {
        this.#feeds.set(collection, { position: 0, tenants: new Map() })
      }
      return this.#feeds.has(collection)
    })
  }

  /** Part of the write that it is about: undone with it. */
  record(
    collection: string,
    op: ChangeKind,
    { tenant, id, version }: { readonly tenant: string; readonly id: string; readonly version: number },
  ): void {
    const feed = this.#feeds.get(collection)
    if (feed === undefined) return
    const { entries, trimmed } = feed.tenants.get(tenant) ?? { entries: [], trimmed: 0 }
    feed.tenants.set(tenant, { entries, trimmed })
    feed.position += 1
    entries.push({ position: feed.position, op, id, version, at: this.#clock() })
    this.#recorded.add(collection)
    this.#journal.record(() => void entries.pop())
  }

  /** Tells of what was recorded, or undone, since it was last called. */
  announce(): void {
    if (this.#recorded.size === 0) return
    for (const collection of this.#recorded) for (const listener of this.#listeners) listener(collection)
    this.#recorded.clear()
  }

  onRecorded(listener: (collection: string) => void): void {
    this.#listeners.push(listener)
  }

  read(collection: string, tenant: string, after: number, limit: number): Promise<FeedPage> {
    return this.#run(() => {
      const feed = this.#feeds.get(collection)?.tenants.get(tenant)
      if (feed === undefined) return { entries: [], more: false }
      if (after < feed.trimmed) throw trimmedError(collection)
      const from = firstAfter(feed.entries, after)
      return { entries: feed.entries.slice(from, from + limit), more: from + limit < feed.entries.length }
    })
  }

  heads(collection: string, tenants: readonly string[]): Promise<FeedHead[]> {
    return this.#run(() =>
      tenants.map((tenant) => {
        const { entries, trimmed } = this.#feeds.get(collection)?.tenants.get(tenant) ?? { entries: [], trimmed: 0 }
        return { last: entries.at(-1)?.position ?? trimmed, trimmed }
      }),
    )
  }

  trim(collection: string, retainMs: number): Promise<number> {
    return this.#run(() => {
      const oldest = this.#clock() - retainMs
      let gone = 0
      for (const feed of this.#feeds.get(collection)?.tenants.values() ?? []) {
        const found = feed.entries.findIndex(({ at }) => at >= oldest)
        const old = feed.entries.splice(0, found === -1 ? feed.entries.length : found)
        feed.trimmed = old.at(-1)?.position ?? feed.trimmed
        gone += old.length
      }
      return gone
    })
  }

  erase(tenant: string): Promise<ReadonlyMap<string, number>> {
    return this.#run(() => {
      const gone = new Map<string, number>()
      for (const [collection, { tenants }] of this.#feeds) {
        const count = tenants.get(tenant)?.entries.length ?? 0
        if (count > 0) gone.set(collection, count)
        tenants.delete(tenant)
      }
      return gone
    })
  }
}

/** Where the first entry beyond a position stands. */
function firstAfter(entries: readonly FeedEntry[], position: number): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle]?.position ?? Infinity) > position) high = middle
    else low = middle + 1
  }
  return low
}
