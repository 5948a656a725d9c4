import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Backend, DocumentOperations, Hold, MigrationReport, Operations } from './backend.js'
import type {
  BackupOptions,
  BackupReport,
  BackupSource,
  BackupTarget,
  ContentDigest,
  RestoreOptions,
  RestoreReport,
} from './backup/backup-options.js'
import { digestContent, restoreBackup } from './backup/restore-backup.js'
import { writeBackup } from './backup/write-backup.js'
import { BlobContents } from './blobs/blob-content.js'
import { collectAllBlobs, type CollectedBlobs, type CollectOptions } from './blobs/collect-blobs.js'
import type { BlobOperations } from './blobs/blob-operations.js'
import { StoredBlobs } from './blobs/stored-blobs.js'
import type { StoredCollection } from './collection.js'
import { dropCollection } from './erase/drop-collection.js'
import { eraseSubject } from './erase/erase-subject.js'
import type { ErasureReport, Subject, SubjectErasureReport } from './erase/erasure-report.js'
import { eraseTenant } from './erase/erase-tenant.js'
import { worthATripToServer } from './coalescer.js'
import { CreationLanes, GatheredInserts } from './create-together.js'
import { defaultMaxAttempts, defaultTimeoutMs, retryConflicts } from './conflict-retry.js'
import { ClaimLanes } from './claim/claim-lanes.js'
import { CoalescedDocuments } from './document-access.js'
import type { DocumentStore, StoreHealth, StoreStatistics, TenantStore, TransactionOptions } from './document-store.js'
import type { Blobs } from './contract/blobs.js'
import type { Log, LogOptions } from './contract/log.js'
import type { Document } from './contract/document.js'
import type { Collection, CollectionOptions, CreateScope, ReadScope, Scope } from './contract/scope.js'
import { encryptedBlobOperations, encryptedContents } from './encryption/encrypted-blobs.js'
import { KeyRing } from './encryption/key-ring.js'
import type { MasterKeys } from './encryption/master-keys.js'
import { KeyManagement, type StoreEncryption } from './encryption/store-encryption.js'
import { defaultSweepIntervalMs, Sweeper, type SweepReport } from './expiry/sweeper.js'
import { ChangeFeeds } from './feed/change-feeds.js'
import { runKeyed } from './keyed-transaction.js'
import type { Indexes } from './index-report.js'
import { type LogChange, LogHub } from './log-hub.js'
import { LogLanes } from './log-lanes.js'
import type { MoveOptions, MoveReport } from './move/move-report.js'
import { moveStore, putBackInService } from './move/move-store.js'
import { OpenTransactions } from './open-transactions.js'
import { GatheredReads } from './read-together.js'
import { staleReads } from './replicas/stale-reads.js'
import { relationMissing, Relations } from './relations.js'
import { Declarations } from './schema/declarations.js'
import { checkOptions } from './options.js'
import { checkId, checkName, checkTenantId } from './sql/names.js'
import { exportLines } from './transfer/export.js'
import type { ExportOptions, ImportOptions, ImportReport } from './transfer/transfer-options.js'
import { importLines } from './transfer/import.js'
import type { Chunks } from './transfer/split-lines.js'
import { TransactionScope } from './transaction-scope.js'

const defaultTenant = 'default'

/** What all scopes of one store share: the backend, the lanes that gather calls, what tables are known to be there. */
class Engine {
  readonly backend: Backend
  readonly relations: Relations
  readonly ring: KeyRing | undefined
  readonly declarations: Declarations
  readonly hub: LogHub
  readonly feeds: ChangeFeeds
  readonly sweeper: Sweeper
  /** As the backend's, with encryption. */
  readonly blobs: BlobOperations
  readonly contents: BlobContents
  /** Without encryption. */
  readonly storedContents: BlobContents
  readonly encryptsBlobs: boolean
  readonly openTransactions: OpenTransactions | undefined
  readonly creations: CreationLanes
  readonly #worthATrip: number | undefined
  readonly #documents = new Map<string, CoalescedDocuments>()
  readonly #logs = new Map<string, LogLanes>()
  readonly #claims = new Map<string, ClaimLanes>()
  #closing: Promise<void> | undefined

  constructor(
    backend: Backend,
    contents: BlobContents,
    masters: MasterKeys | undefined,
    sweepIntervalMs: number | undefined,
  ) {
    this.backend = backend
    this.storedContents = contents
    this.ring = masters === undefined ? undefined : new KeyRing(backend.keys, masters)
    this.encryptsBlobs = masters?.blobs === true
    const { ring } = this
    const encryption = ring && { keys: (tenant: string) => ring.source(tenant), encrypts: this.encryptsBlobs }
    this.blobs = encryption === undefined ? backend.blobs : encryptedBlobOperations(backend.blobs, encryption)
    this.contents = encryption === undefined ? contents : encryptedContents(contents, encryption)
    this.declarations = new Declarations(this.ring)
    this.feeds = new ChangeFeeds(backend)
    this.relations = new Relations(backend, (name, { feed }) => this.feeds.retain(name, feed?.retainMs))
    this.hub = new LogHub(backend, { hints: backend.hints && { of: backend.hints, topics: 'log:' } })
    this.#worthATrip = backend.kind === 'postgres' ? worthATripToServer : undefined
    this.creations = new CreationLanes(backend, this.#worthATrip)
    this.sweeper = new Sweeper(backend, sweepIntervalMs ?? defaultSweepIntervalMs)
    this.openTransactions = backend.kind === 'postgres' ? undefined : new OpenTransactions()
  }

  documents(collection: string): CoalescedDocuments {
    const known = this.#documents.get(collection)
    if (known !== undefined) return known
    const lanes = new CoalescedDocuments(collection, this.backend.documents, this.#worthATrip)
    this.#documents.set(collection, lanes)
    return lanes
  }

  claims(collection: string): ClaimLanes {
    const known = this.#claims.get(collection)
    if (known !== undefined) return known
    const lanes = new ClaimLanes(collection)
    this.#claims.set(collection, lanes)
    return lanes
  }

  logs(log: string): LogLanes {
    const known = this.#logs.get(log)
    if (known !== undefined) return known
    const lanes = new LogLanes(log, this.backend.logs, this.hub, this.#worthATrip)
    this.#logs.set(log, lanes)
    return lanes
  }

  /** `ready` of a relation for callers outside of transactions, on databases with a single session. */
  outside(ready: () => Promise<void>): () => Promise<void> {
    const { openTransactions } = this
    if (openTransactions === undefined) return ready
    return () => {
      openTransactions.assertOutside()
      return ready()
    }
  }

  assertOpen(): void {
    if (this.#closing !== undefined)
      throw new HoldfastError('FAILED_PRECONDITION', 'The store is closed: open another one', {
        reason: 'STORE_CLOSED',
      })
  }

  /** Answers what was called before, then lets go. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.hub.close()
      const trimmed = this.feeds.close()
      // Calls of this moment are still on their way to their lanes.
      await new Promise((resolve) => setImmediate(resolve))
      const all = [...this.#documents.values(), ...this.#logs.values(), ...this.#claims.values(), this.creations]
      await Promise.all(all.map((lanes) => lanes.drain()))
      await this.sweeper.close()
      await trimmed
      await this.backend.close()
      await this.contents[Symbol.asyncDispose]()
    })()
    return this.#closing
  }
}

class StoreScope implements TenantStore {
  readonly tenantId: string
  readonly blobs: Blobs
  protected readonly engine: Engine

  constructor(engine: Engine, tenantId: string) {
    this.engine = engine
    this.tenantId = tenantId
    const { openTransactions, blobs, contents } = engine
    this.blobs = new StoredBlobs(tenantId, openTransactions?.guard(blobs) ?? blobs, contents)
  }

  collection<T>(name: string, options?: CollectionOptions<T>): Collection<T> {
    return this.#collection(name, options)
  }

  #collection<T>(name: string, options?: CollectionOptions<T>): StoredCollection<T> {
    this.engine.assertOpen()
    const { backend, declarations, relations } = this.engine
    const target = {
      name: checkName(name, 'collection'),
      tenant: this.tenantId,
      access: this.engine.documents(name),
      claims: this.engine.claims(name),
      operations: backend.documents,
      ready: this.engine.outside(relations.collection(name, options)),
      life: relations.life(name),
      feed: { feeds: this.engine.feeds, home: { scope: this, now: () => backend.now() } },
      stale: (maxStalenessMs: unknown) => staleReads(backend, maxStalenessMs),
      drop: () => dropCollection(backend, name, this.tenantId),
      atomically: <R>(work: (operations: DocumentOperations) => Promise<R>) =>
        retryConflicts(() => backend.transaction((tx) => work(tx.documents))),
    }
    return declarations.collection<T>(target, options)
  }

  log<T>(name: string, options?: LogOptions<T>): Log<T> {
    this.engine.assertOpen()
    const target = {
      name: checkName(name, 'log'),
      tenant: this.tenantId,
      operations: this.engine.backend.logs,
      lanes: this.engine.logs(name),
      hub: this.engine.hub,
      ready: this.engine.outside(this.engine.relations.log(name, options?.retain)),
    }
    return this.engine.declarations.log<T>(target, options)
  }

  async collections(): Promise<string[]> {
    this.engine.assertOpen()
    this.engine.openTransactions?.assertOutside()
    return this.engine.backend.erasure.collections(this.tenantId)
  }

  async eraseTenant(): Promise<ErasureReport> {
    this.engine.assertOpen()
    const { backend, contents, ring } = this.engine
    ring?.forget(this.tenantId)
    const report = await eraseTenant(backend, contents, this.tenantId)
    ring?.forget(this.tenantId)
    return report
  }

  async eraseSubject(subject: Subject): Promise<SubjectErasureReport> {
    this.engine.assertOpen()
    const home = {
      tenant: this.tenantId,
      backend: this.engine.backend,
      blobs: this.blobs,
      collection: (name: string) => this.#collection<unknown>(name),
      log: (name: string) => this.log<unknown>(name),
    }
    return eraseSubject(home, subject)
  }

  async createTogether<Data extends readonly [unknown, ...unknown[]]>(
    { log, stream }: { readonly log: string; readonly stream: string },
    make: (scope: CreateScope) => { readonly [Place in keyof Data]: Promise<Document<Data[Place]>> },
  ): Promise<{ readonly [Place in keyof Data]: Document<Data[Place]> } | undefined> {
    this.engine.assertOpen()
    if (typeof make !== 'function') throw invalidField('make', 'must be a function')
    const { backend, creations, declarations, relations } = this.engine
    const tenant = this.tenantId
    const key = { tenant, stream: checkId(stream, 'stream') }
    const ready = this.engine.outside(relations.log(checkName(log, 'log')))
    await ready()
    const gathered = new GatheredInserts()
    const inserts = make({
      collection: <Data>(name: string, options?: CollectionOptions<Data>) => {
        const { access, operations } = gathered.documents(checkName(name, 'collection'), backend.documents)
        const isThere = this.engine.outside(relations.collection(name, options))
        const life = relations.life(name)
        const atomically = <Done>(work: (inner: DocumentOperations) => Promise<Done>) => work(operations)
        const target = { name, tenant, access, operations, ready: isThere, life, atomically }
        return declarations.collection<Data>(target, options)
      },
    })
    const documents = await gathered.send<Document<unknown>>(inserts, (collections, rows) =>
      creations.create(log, collections, { stream: key, rows }),
    )
    return documents as { readonly [Place in keyof Data]: Document<Data[Place]> } | undefined
  }

  async readTogether<R>(read: (scope: ReadScope) => Promise<R>): Promise<R> {
    this.engine.assertOpen()
    if (typeof read !== 'function') throw invalidField('read', 'must be a function')
    const { backend, declarations, relations, hub } = this.engine
    const tenant = this.tenantId
    const gathered = new GatheredReads(backend)
    return read({
      collection: <T>(name: string, options?: CollectionOptions<T>) => {
        const { access, operations } = gathered.documents(checkName(name, 'collection'))
        const ready = this.engine.outside(relations.collection(name, options))
        const life = relations.life(name)
        const atomically = <Done>(work: (inner: DocumentOperations) => Promise<Done>) => work(operations)
        return declarations.collection<T>({ name, tenant, access, operations, ready, life, atomically }, options)
      },
      log: <T>(name: string, options?: LogOptions<T>) => {
        const operations = gathered.logs(checkName(name, 'log'))
        const ready = this.engine.outside(relations.log(name, options?.retain))
        const hold = (held: Hold) => gathered.hold(name, held)
        return declarations.log<T>({ name, tenant, operations, hub, ready, hold }, options)
      },
    })
  }

  async transaction<R>(work: (tx: Scope) => Promise<R>, options: TransactionOptions = {}): Promise<R> {
    this.engine.assertOpen()
    if (typeof work !== 'function') throw invalidField('work', 'must be a function')
    checkOptions(options, ['maxAttempts', 'timeoutMs', 'key'])
    const { maxAttempts = defaultMaxAttempts, timeoutMs = defaultTimeoutMs, key } = options
    for (const [field, value] of Object.entries({ maxAttempts, timeoutMs })) {
      if (!Number.isSafeInteger(value) || value < 1) throw invalidField(field, 'must be a positive integer')
    }
    if (key !== undefined) checkId(key, 'key')
    const { backend, hub, openTransactions } = this.engine
    openTransactions?.assertOutside()
    for (;;) {
      const missing: (() => Promise<void>)[] = []
      const changes: LogChange[] = []
      try {
        const within = async (tx: Operations): Promise<R> => {
          const scope = new TransactionScope(this.engine, this.tenantId, tx, missing, changes)
          const done = await (openTransactions === undefined ? work(scope) : openTransactions.run(() => work(scope)))
          // The work may have swallowed the error; what it wanted to write is missing all the same.
          if (missing.length > 0) throw relationMissing()
          return done
        }
        const attempt = <Result>(whole: (tx: Operations) => Promise<Result>): Promise<Result> =>
          retryConflicts(
            () => {
              changes.length = 0
              return backend.transaction(whole)
            },
            { maxAttempts, timeoutMs },
          )
        const result = await (key === undefined
          ? attempt(within)
          : runKeyed({ tenant: this.tenantId, key, timeoutMs, work: within, attempt }))
        for (const change of changes) hub.notify(change)
        return result
      } catch (error) {
        if (missing.length === 0) throw error
        for (const make of missing) await make()
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A tenant's scope holds nothing of its own.
  }
}

export class Store extends StoreScope implements DocumentStore {
  readonly encryption: StoreEncryption

  /** @param sweepIntervalMs between two sweeps in the background
   *  @param contents where the bytes of blobs may lie besides the database; closed with the store
   *  @param masters what encrypts the keys of tenants, if anything is encrypted */
  constructor(
    backend: Backend,
    contents: BlobContents = new BlobContents(),
    masters?: MasterKeys,
    sweepIntervalMs?: number,
  ) {
    super(new Engine(backend, contents, masters, sweepIntervalMs), defaultTenant)
    this.encryption = new KeyManagement(this.engine.ring)
  }

  get kind(): Backend['kind'] {
    return this.engine.backend.kind
  }

  tenant(id: string): TenantStore {
    this.engine.assertOpen()
    return new StoreScope(this.engine, checkTenantId(id))
  }

  async now(): Promise<Date> {
    return new Date(await this.engine.backend.now())
  }

  stats(): StoreStatistics {
    return { kind: this.kind, ...this.engine.backend.statistics() }
  }

  get indexes(): Indexes {
    return this.engine.backend.indexes
  }

  /** The default tenant is everything that a program has which knows of no tenants: its name has to be said. */
  override async eraseTenant(): Promise<ErasureReport> {
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `The store itself is tenant ${defaultTenant}: call store.tenant('${defaultTenant}').eraseTenant() to erase that one`,
      { reason: 'TENANT_NOT_NAMED' },
    )
  }

  sweep(): Promise<SweepReport> {
    this.engine.assertOpen()
    return this.engine.sweeper.sweep()
  }

  async health(): Promise<StoreHealth> {
    this.engine.assertOpen()
    return { kind: this.kind, ...(await this.engine.backend.health()) }
  }

  export(options?: ExportOptions): AsyncIterable<string> {
    this.engine.assertOpen()
    return exportLines(this.engine, options)
  }

  async import(lines: Chunks, options?: ImportOptions): Promise<ImportReport> {
    this.engine.assertOpen()
    return importLines(this.engine, lines, options)
  }

  async backup(target: BackupTarget, options?: BackupOptions): Promise<BackupReport> {
    this.engine.assertOpen()
    return writeBackup(this.engine, target, options)
  }

  async restore(source: BackupSource, options?: RestoreOptions): Promise<RestoreReport> {
    this.engine.assertOpen()
    return restoreBackup(this.engine, source, options)
  }

  async moveTo(target: DocumentStore, options?: MoveOptions): Promise<MoveReport> {
    this.engine.assertOpen()
    if (!(target instanceof Store)) throw invalidField('target', 'must be a store that openDocumentStore has opened')
    target.engine.assertOpen()
    return moveStore(this.engine, target.engine, options)
  }

  async endFence(expected?: string): Promise<void> {
    this.engine.assertOpen()
    return putBackInService(this.engine, expected)
  }

  async digest(options: { readonly tenant?: string } = {}): Promise<ContentDigest> {
    this.engine.assertOpen()
    checkOptions(options, ['tenant'])
    return digestContent(this.engine, options.tenant)
  }

  async collectBlobs(options: CollectOptions = {}): Promise<CollectedBlobs> {
    this.engine.assertOpen()
    return collectAllBlobs(this.engine.backend.blobs, this.engine.contents, options)
  }

  migrate(): Promise<MigrationReport> {
    return this.engine.backend.migrate()
  }

  close(): Promise<void> {
    return this.engine.close()
  }

  override [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
