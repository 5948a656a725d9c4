import { HoldfastError } from '@holdfast/errors'
import type { Backend, DocumentQuery, Key, Operations, QueryPlan, StoredDocument } from '../backend.js'
import type { JsonValue, Predicate } from '../query/predicate.js'
import { checkMaxStaleness } from './replica-set.js'

/** The reads that may be answered by a replica, each by the primary if none is fresh enough or the replica fails: it may lack a
 *  table that was just made, or cancel a read that is in the way of its replay. */
export interface StaleReads {
  fetch(collection: string, keys: readonly Key[]): Promise<(StoredDocument | undefined)[]>
  query(collection: string, query: DocumentQuery): Promise<StoredDocument[]>
  count(collection: string, tenant: string, where: Predicate): Promise<number>
  distinct(collection: string, tenant: string, segments: readonly string[], where: Predicate): Promise<JsonValue[]>
  explain(collection: string, query: DocumentQuery): Promise<QueryPlan>
}

export function staleReads(backend: Backend, maxStalenessMs: unknown): StaleReads {
  const staleness = checkMaxStaleness(maxStalenessMs)
  const read = async <R>(ask: (operations: Pick<Operations, 'documents'>) => Promise<R>): Promise<R> => {
    const replica = await backend.replica?.(staleness)
    if (replica === undefined) return ask(backend)
    try {
      return await ask(replica.operations)
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      const answer = await ask(backend)
      // The primary could answer, so it was the replica's fault.
      replica.distrust()
      return answer
    }
  }
  return {
    fetch: (collection, keys) => read(({ documents }) => documents.fetch(collection, keys)),
    query: (collection, query) => read(({ documents }) => documents.query(collection, query)),
    count: (collection, tenant, where) => read(({ documents }) => documents.count(collection, tenant, where)),
    distinct: (collection, tenant, segments, where) =>
      read(({ documents }) => documents.distinct(collection, tenant, segments, where)),
    explain: (collection, query) => read(({ documents }) => documents.explain(collection, query)),
  }
}
