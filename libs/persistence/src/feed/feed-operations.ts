/** What is declared of a collection's change feed. */
export interface FeedSpec {
  /** How long its entries are kept, in milliseconds; absent: for good. */
  readonly retainMs?: number
}

/** What happened to a document: it is there, changed or new, or it is gone. */
export type ChangeKind = 'write' | 'delete'

/** One change of one document, as a backend keeps it. It holds no data of the document. */
export interface FeedEntry {
  /** Grows in the order of the commits within a tenant; not without gaps. At least 1. */
  readonly position: number
  readonly op: ChangeKind
  readonly id: string
  /** The version that was written, or deleted. */
  readonly version: number
  /** Milliseconds since 1970, decided by the database. */
  readonly at: number
}

export interface FeedPage {
  readonly entries: readonly FeedEntry[]
  /** There may be more behind them now. */
  readonly more: boolean
}

export interface FeedHead {
  /** The position of the last change that is committed; 0: there was none. */
  readonly last: number
  /** Entries up to here are not kept any more; 0: all are. */
  readonly trimmed: number
}

/** The change feeds of collections, kept by tenant. The document operations write them, each change in the commit of its write:
 *  see `CollectionSpec.feed`. A feed that was once declared stays on. */
export interface FeedOperations {
  /** Makes the feed if it is declared; `undefined`: finds out whether another program has. From then on changes are recorded.
   *  @returns whether the feed is on */
  ensure(collection: string, spec: FeedSpec | undefined): Promise<boolean>
  /** In the order of positions, those after `after`. Whatever is committed after this read has a higher position than all that
   *  it answered. @throws OUT_OF_RANGE with reason FEED_TRIMMED if entries after `after` are not kept any more */
  read(collection: string, tenant: string, after: number, limit: number): Promise<FeedPage>
  /** In the order of the tenants. */
  heads(collection: string, tenants: readonly string[]): Promise<FeedHead[]>
  /** Deletes what is older, of all tenants. @returns how many entries went */
  trim(collection: string, retainMs: number): Promise<number>
  /** Deletes a tenant's feeds. @returns how many entries went, by collection */
  erase(tenant: string): Promise<ReadonlyMap<string, number>>
  /** Calls `listener` whenever this process has committed changes to a collection with a feed. It must not throw. */
  onRecorded(listener: (collection: string) => void): void
}
