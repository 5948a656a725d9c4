import type { ClaimLanes } from './claim/claim-lanes.js'
import type { ClaimOperations } from './claim/claim-operations.js'
import type { DocumentOperations } from './backend.js'
import type { DocumentAccess } from './document-access.js'
import type { CollectionLife } from './expiry/collection-life.js'
import type { ChangeFeeds } from './feed/change-feeds.js'
import type { ConsumerHome } from './feed/consumer-lease.js'
import type { StaleReads } from './replicas/stale-reads.js'
import type { RewriteTarget } from './schema/rewrite.js'

export interface CollectionTarget {
  readonly name: string
  readonly tenant: string
  readonly access: DocumentAccess
  readonly operations: DocumentOperations
  /** Absent inside a transaction. */
  readonly claims?: ClaimLanes
  /** Where what a claim writes has to fit a schema. */
  readonly claimOperations?: ClaimOperations
  /** Makes the table on first use; afterwards an already resolved promise. */
  readonly ready: () => Promise<void>
  /** What lies under the codec of `access` and `operations`; absent if nothing is declared that needs one. */
  readonly rewrite?: RewriteTarget
  readonly life: CollectionLife
  /** Absent inside a transaction. */
  readonly feed?: CollectionFeed
  /** Reads that a replica may answer; absent inside a transaction. */
  readonly stale?: (maxStalenessMs: unknown) => StaleReads
  /** Deletes all that the tenant has of it; absent inside a transaction. */
  readonly drop?: () => Promise<{ readonly deleted: number }>
  /** Runs work on this collection as one commit: a transaction, or the one that this collection belongs to. */
  readonly atomically: <R>(work: (operations: DocumentOperations) => Promise<R>) => Promise<R>
}

/** How the changes of a collection are followed. */
export interface CollectionFeed {
  readonly feeds: ChangeFeeds
  readonly home: ConsumerHome
}
