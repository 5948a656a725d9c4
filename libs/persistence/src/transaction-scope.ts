import type { DocumentOperations, Operations } from './backend.js'
import type { BlobContents } from './blobs/blob-content.js'
import { StoredBlobs } from './blobs/stored-blobs.js'
import { DirectDocuments } from './document-access.js'
import type { Blobs } from './contract/blobs.js'
import type { Log, LogOptions } from './contract/log.js'
import type { Collection, CollectionOptions, Scope } from './contract/scope.js'
import { encryptedBlobOperations, encryptedContents } from './encryption/encrypted-blobs.js'
import type { KeyRing, KeySource } from './encryption/key-ring.js'
import type { LogChange } from './log-hub.js'
import { relationMissing, type Relations } from './relations.js'
import type { Declarations } from './schema/declarations.js'
import { checkName } from './sql/names.js'

/** What it takes from its store. */
export interface TransactionHome {
  readonly relations: Relations
  readonly declarations: Declarations
  readonly ring: KeyRing | undefined
  readonly encryptsBlobs: boolean
  readonly contents: BlobContents
  /** Without encryption. */
  readonly storedContents: BlobContents
}

/** The three shapes inside a transaction: no gathering with other callers, everything on the transaction's connection. */
export class TransactionScope implements Scope {
  readonly tenantId: string
  readonly blobs: Blobs
  readonly #home: TransactionHome
  readonly #tx: Operations
  readonly #missing: (() => Promise<void>)[]
  /** Of logs, to be told to tails after the commit. */
  readonly #changes: LogChange[]

  constructor(
    home: TransactionHome,
    tenantId: string,
    tx: Operations,
    missing: (() => Promise<void>)[],
    changes: LogChange[],
  ) {
    this.tenantId = tenantId
    this.#home = home
    this.#tx = tx
    this.#missing = missing
    this.#changes = changes
    const keys = this.#keys()
    const encryption = keys && { keys: () => keys, encrypts: home.encryptsBlobs }
    this.blobs =
      encryption === undefined
        ? new StoredBlobs(tenantId, tx.blobs, home.contents, true)
        : new StoredBlobs(
            tenantId,
            encryptedBlobOperations(tx.blobs, encryption),
            encryptedContents(home.storedContents, encryption),
            true,
          )
  }

  collection<T>(name: string, options?: CollectionOptions<T>): Collection<T> {
    const { relations } = this.#home
    const ready = relations.collection(checkName(name, 'collection'), options)
    const target = {
      name,
      tenant: this.tenantId,
      access: new DirectDocuments(name, this.#tx.documents),
      operations: this.#tx.documents,
      ready: relations.insideTransaction(this.#missing, ready, `collection:${name}`),
      life: relations.life(name),
      atomically: <R>(work: (operations: DocumentOperations) => Promise<R>) => work(this.#tx.documents),
    }
    return this.#home.declarations.collection<T>(target, options, this.#keys())
  }

  log<T>(name: string, options?: LogOptions<T>): Log<T> {
    const { declarations, relations } = this.#home
    const ready = relations.log(checkName(name, 'log'), options?.retain)
    const target = {
      name,
      tenant: this.tenantId,
      operations: this.#tx.logs,
      // Who watches is asked after the commit.
      hub: { notify: (change: LogChange) => void this.#changes.push(change), isWatched: () => true },
      ready: relations.insideTransaction(this.#missing, ready, `log:${name}`),
    }
    return declarations.log<T>(target, options, this.#keys())
  }

  #keys(): KeySource | undefined {
    return this.#home.ring?.insideTransaction(this.tenantId, this.#missing, relationMissing)
  }
}
