import { HoldfastError } from '@holdfast/errors'
import type {
  Backend,
  BackendHealth,
  BackendStatistics,
  MigrationReport,
  Operations,
  StreamHead,
  TogetherAnswers,
  TogetherReads,
} from '../backend.js'
import { MemoryKeys } from '../encryption/memory-keys.js'
import { MemoryBlobs } from './blobs.js'
import { MemoryDocuments } from './documents.js'
import { MemoryIndexes } from './indexes.js'
import { MemoryErasure } from './erasure.js'
import { MemoryFeeds } from './feed.js'
import { Journal, type Run } from './journal.js'
import { MemoryLogs } from './logs.js'
import { MemoryOutcomes } from './transaction-outcomes.js'
import { MemoryTransfer } from './transfer.js'
import { MemoryUpkeep } from './upkeep.js'
import { Gate } from '../gate.js'

export interface MemoryBackendOptions {
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number
}

/** Keeps everything in this process, until it ends. For tests and trials; also what the other backends are compared with. */
export function createMemoryBackend(options: MemoryBackendOptions = {}): Backend {
  return new MemoryBackend(options.clock ?? Date.now)
}

class MemoryBackend implements Backend {
  readonly kind = 'memory'
  readonly sharedWithOthers = false
  readonly documents: MemoryDocuments
  readonly logs: MemoryLogs
  readonly blobs: MemoryBlobs
  readonly outcomes: MemoryOutcomes
  readonly transfer: MemoryTransfer
  readonly upkeep: MemoryUpkeep
  readonly erasure: MemoryErasure
  readonly indexes: MemoryIndexes
  readonly feeds: MemoryFeeds
  readonly keys: MemoryKeys = new MemoryKeys()
  readonly #clock: () => number
  readonly #gate = new Gate(10_000)
  readonly #journal = new Journal()
  #closed = false

  constructor(clock: () => number) {
    this.#clock = clock
    const run: Run = (work) => this.#runAlone(work)
    this.feeds = new MemoryFeeds(run, this.#journal, clock)
    this.documents = new MemoryDocuments(run, this.#journal, clock, this.feeds)
    this.logs = new MemoryLogs(run, this.#journal, clock)
    this.blobs = new MemoryBlobs(run, this.#journal, clock)
    this.indexes = new MemoryIndexes(() => this.documents.indexes)
    this.outcomes = new MemoryOutcomes(run, this.#journal, clock)
    this.transfer = new MemoryTransfer(run, this.documents, this.logs, this.blobs)
    this.upkeep = new MemoryUpkeep(run, this.documents, this.logs)
    this.erasure = new MemoryErasure(this)
  }

  now(): Promise<number> {
    return this.#runAlone(this.#clock)
  }

  transaction<R>(work: (tx: Operations) => Promise<R>): Promise<R> {
    return this.#gate.take(async () => {
      this.#checkOpen()
      const transaction = new Transaction(this.#journal)
      try {
        const result = await work(this.#within(transaction))
        transaction.end()
        return result
      } catch (error) {
        transaction.rollBack()
        throw error
      } finally {
        this.#journal.forget()
        this.feeds.announce()
      }
    })
  }

  /** As a transaction, which is of one moment. */
  readTogether({ documents, heads, entries, hold }: TogetherReads): Promise<TogetherAnswers> {
    return this.transaction(async (tx) => ({
      documents: await Promise.all(
        documents.map(async ({ collection, key }) => (await tx.documents.fetch(collection, [key]))[0]),
      ),
      heads: await Promise.all(
        heads.map(async ({ log, stream }) => (await tx.logs.heads(log, [stream]))[0] as StreamHead),
      ),
      entries: await Promise.all(entries.map(({ log, range }) => tx.logs.read(log, range))),
      isHeld: hold !== undefined && (await this.logs.hold(hold.log, hold.hold)),
    }))
  }

  statistics(): BackendStatistics {
    return { statements: [] }
  }

  async health(): Promise<BackendHealth> {
    this.#checkOpen()
    return { server: 'memory', latencyMs: 0 }
  }

  async migrate(): Promise<MigrationReport> {
    this.#checkOpen()
    return { version: 0, applied: [] }
  }

  async close(): Promise<void> {
    await this.#gate.pass(async () => undefined)
    this.#closed = true
  }

  #within(transaction: Transaction): Operations {
    const run: Run = (work) => transaction.run(work)
    return {
      documents: this.documents.on(run),
      logs: this.logs.on(run),
      blobs: this.blobs.on(run),
      outcomes: this.outcomes.on(run),
      now: () => run(this.#clock),
    }
  }

  #runAlone<R>(work: () => R): Promise<R> {
    return this.#gate.pass(async () => {
      this.#checkOpen()
      try {
        return work()
      } catch (error) {
        this.#journal.rollBackTo(0)
        throw error
      } finally {
        this.#journal.forget()
        this.feeds.announce()
      }
    })
  }

  #checkOpen(): void {
    if (this.#closed)
      throw new HoldfastError('FAILED_PRECONDITION', 'The store is closed: open another one', {
        reason: 'STORE_CLOSED',
      })
  }
}

/** As on PostgreSQL, a transaction in which an operation failed cannot be saved any more, also if the caller caught the error. */
class Transaction {
  readonly #journal: Journal
  #failure: unknown
  #state: 'open' | 'failed' | 'over' = 'open'

  constructor(journal: Journal) {
    this.#journal = journal
  }

  async run<R>(work: () => R): Promise<R> {
    if (this.#state === 'over') {
      throw new HoldfastError('FAILED_PRECONDITION', 'The transaction is over: await all of its calls within its work')
    }
    if (this.#state === 'failed') throw this.#failure
    try {
      return work()
    } catch (error) {
      this.#state = 'failed'
      this.#failure = error
      throw error
    }
  }

  end(): void {
    if (this.#state === 'failed') throw this.#failure
    this.#state = 'over'
  }

  rollBack(): void {
    this.#state = 'over'
    this.#journal.rollBackTo(0)
  }
}
