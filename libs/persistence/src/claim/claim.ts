import { HoldfastError } from '@holdfast/errors'
import type { DocumentOperations, StoredDocument } from '../backend.js'
import type { DocumentAccess } from '../document-access.js'
import type { ClaimedDocument, ClaimOptions } from '../contract/claims.js'
import type { Document, Filter } from '../contract/document.js'
import type { ParsedUpdate } from '../query/update.js'
import type { ClaimLanes } from './claim-lanes.js'
import type { ClaimOperations } from './claim-operations.js'
import { parseClaim } from './claim-request.js'
import { HeldLease } from './lease.js'

export interface ClaimTarget<T> {
  readonly name: string
  readonly tenant: string
  readonly access: DocumentAccess
  readonly operations: DocumentOperations
  /** Instead of `operations`, where what a claim writes has to fit a schema. */
  readonly claimOperations?: ClaimOperations
  readonly ready: () => Promise<void>
  /** Absent inside a transaction. */
  readonly claims?: ClaimLanes
  readonly decode: (stored: StoredDocument) => Document<T>
  readonly update: (stored: StoredDocument, update: ParsedUpdate) => string
}

export async function claimDocument<T>(
  target: ClaimTarget<T>,
  filter: Filter,
  options: ClaimOptions,
): Promise<ClaimedDocument<T> | undefined> {
  const { name, tenant, claims, decode, update } = target
  const operations = target.claimOperations ?? target.operations
  const request = parseClaim(filter, options)
  if (claims === undefined) {
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      'A claim cannot be part of a transaction: claim before it, and fence its writes with ifVersion',
      { reason: 'CLAIM_IN_TRANSACTION' },
    )
  }
  await target.ready()
  const set = request.update
  const change = set === undefined ? undefined : (current: StoredDocument): string => update(current, set)
  const leased = await claims.claim({ ...request, tenant, operations, change })
  if (leased === undefined) return undefined
  const key = { tenant, id: leased.id }
  const lease = new HeldLease<T>({ ...target, collection: name, key, claims, operations }, leased, request.leaseMs)
  return { ...decode(leased), lease }
}
