import type { SoftDelete, StreamKey } from '../backend.js'
import type { Duties, LogRetention, OverdueStreams, UpkeepOperations } from '../expiry/upkeep-operations.js'
import type { MemoryDocuments } from './documents.js'
import type { Run } from './journal.js'
import type { MemoryLogs } from './logs.js'

export class MemoryUpkeep implements UpkeepOperations {
  readonly #run: Run
  readonly #documents: MemoryDocuments
  readonly #logs: MemoryLogs
  readonly #retentions = new Map<string, LogRetention>()

  constructor(run: Run, documents: MemoryDocuments, logs: MemoryLogs) {
    this.#run = run
    this.#documents = documents
    this.#logs = logs
  }

  duties(): Promise<Duties> {
    return this.#run(() => {
      const specs = [...this.#documents.specs]
      return {
        expiring: specs.filter(([, { expires }]) => expires === true).map(([collection]) => collection),
        softDeleting: specs.flatMap(([collection, { softDelete }]) =>
          softDelete === undefined ? [] : [{ collection, softDelete }],
        ),
        retaining: [...this.#retentions].map(([log, retention]) => ({ log, retention })),
      }
    })
  }

  expire(collection: string, limit: number): Promise<number> {
    return this.#documents.sweep(collection, limit, ({ removedAt, expiresAt = Infinity }, now) =>
      removedAt === undefined && expiresAt <= now ? 'delete' : 'keep',
    )
  }

  purge(collection: string, { retainMs }: SoftDelete, limit: number): Promise<number> {
    return this.#documents.sweep(collection, limit, ({ removedAt = Infinity, purged }, now) =>
      removedAt + retainMs <= now && purged !== true ? 'purge' : 'keep',
    )
  }

  forget(collection: string, { tombstonesMs }: SoftDelete, limit: number): Promise<number> {
    return this.#documents.sweep(collection, limit, ({ removedAt = Infinity }, now) =>
      tombstonesMs !== null && removedAt + tombstonesMs <= now ? 'delete' : 'keep',
    )
  }

  retain(log: string, retention: LogRetention): Promise<void> {
    return this.#run(() => void this.#retentions.set(log, retention))
  }

  /** All of them: to find those that hold too much takes as long as to trim. */
  async overdue(log: string, _retention: LogRetention, _after?: StreamKey): Promise<OverdueStreams> {
    return { streams: await this.#logs.streams(log) }
  }
}
