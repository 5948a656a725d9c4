import type { Key, StoredDocument } from '../backend.js'
import type { MemoryKeys } from '../encryption/memory-keys.js'
import type { ErasureOperations, Holding } from '../erase/erasure-operations.js'
import type { MemoryDocuments } from './documents.js'
import type { MemoryLogs } from './logs.js'
import type { MemoryOutcomes } from './transaction-outcomes.js'

export interface MemoryHoldings {
  readonly documents: MemoryDocuments
  readonly logs: MemoryLogs
  readonly keys: MemoryKeys
  readonly outcomes: MemoryOutcomes
}

/** What the other backends do table by table. Blobs and feeds are not among the holdings: they are erased by operations of their own. */
export class MemoryErasure implements ErasureOperations {
  readonly #holdings: MemoryHoldings
  readonly #subjects = new Map<string, string>()

  constructor(holdings: MemoryHoldings) {
    this.#holdings = holdings
  }

  async holdings(): Promise<Holding[]> {
    const { documents, logs } = this.#holdings
    return [
      { kind: 'keys', name: 'tenant_keys' },
      ...[...documents.specs.keys()].map((name): Holding => ({ kind: 'documents', name })),
      ...logs.names.map((name): Holding => ({ kind: 'entries', name })),
      ...logs.names.map((name): Holding => ({ kind: 'streams', name })),
      { kind: 'other', name: 'transactions' },
    ]
  }

  async eraseRows(holding: Holding, tenant: string): Promise<number> {
    const { documents, logs, keys, outcomes } = this.#holdings
    switch (holding.kind) {
      case 'documents':
        return documents.erase(holding.name, tenant)
      case 'entries':
        return logs.eraseEntries(holding.name, tenant)
      case 'streams':
        return logs.eraseStreams(holding.name, tenant)
      case 'keys':
        return keys.erase(tenant)
      default:
        return outcomes.erase(tenant)
    }
  }

  async countRows({ kind, name }: Holding, tenant: string): Promise<number> {
    const { documents, logs, keys } = this.#holdings
    if (kind === 'documents') return documents.held(name, tenant).then(({ length }) => length)
    if (kind === 'streams') return logs.held(name, tenant).then(({ length }) => length)
    if (kind === 'entries') {
      const streams = await logs.held(name, tenant)
      return streams.reduce((sum, { entries }) => sum + entries, 0)
    }
    return kind === 'keys' ? (await keys.list(tenant)).length : 0
  }

  async countEntries(log: string, tenant: string, stream: string): Promise<number> {
    return (await this.#holdings.logs.held(log, tenant)).find(({ name }) => name === stream)?.entries ?? 0
  }

  async subjects(): Promise<{ collection: string; path: string }[]> {
    return [...this.#subjects].map(([collection, path]) => ({ collection, path }))
  }

  async declareSubject(collection: string, path: string): Promise<void> {
    this.#subjects.set(collection, path)
  }

  async hidden(collection: string, tenant: string, after: string, limit: number): Promise<StoredDocument[]> {
    const { documents } = this.#holdings
    const rows = await documents.held(collection, tenant)
    const seen = new Set((await documents.fetch(collection, rows)).map((document) => document?.id))
    return rows
      .filter(({ id, purged }) => id > after && purged !== true && !seen.has(id))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit)
  }

  eraseDocuments(collection: string, keys: readonly Key[], fenced: boolean): Promise<number> {
    const [tenant, ids] = [keys[0]?.tenant, new Set(keys.map(({ id }) => id))]
    return this.#holdings.documents.sweep(collection, keys.length, (row) => {
      if (row.tenant !== tenant || !ids.has(row.id) || row.purged === true) return 'keep'
      return fenced ? 'purge' : 'delete'
    })
  }

  async collections(tenant: string): Promise<string[]> {
    const { documents } = this.#holdings
    const names: string[] = []
    for (const name of [...documents.specs.keys()].sort()) {
      if ((await documents.count(name, tenant, { kind: 'and', of: [] })) > 0) names.push(name)
    }
    return names
  }

  async dropRows(
    collection: string,
    tenant: string,
    after: string,
    limit: number,
  ): Promise<{ readonly ids: string[]; readonly documents: number }> {
    const { documents } = this.#holdings
    const rows = (await documents.held(collection, tenant))
      .filter(({ id }) => id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit)
    const ids = rows.map(({ id }) => id)
    const seen = (await documents.fetch(collection, rows)).filter((document) => document !== undefined)
    const wanted = new Set(ids)
    await documents.sweep(collection, limit, (row) => {
      return row.tenant === tenant && wanted.has(row.id) ? 'delete' : 'keep'
    })
    return { ids, documents: seen.length }
  }
}
