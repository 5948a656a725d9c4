import { HoldfastError } from '@holdfast/errors'
import type { BlobOperations, BlobRecord } from '../backend.js'
import type { Journal, Run } from './journal.js'

interface Stores {
  /** By tenant and upload id. */
  readonly uploads: Map<string, Uint8Array[]>
  /** By tenant and hash. */
  readonly blobs: Map<string, { readonly record: BlobRecord; readonly chunks: readonly Uint8Array[] }>
}

export class MemoryBlobs implements BlobOperations {
  readonly #run: Run
  readonly #journal: Journal
  readonly #clock: () => number
  readonly #stores: Stores

  constructor(
    run: Run,
    journal: Journal,
    clock: () => number,
    stores: Stores = { uploads: new Map(), blobs: new Map() },
  ) {
    this.#run = run
    this.#journal = journal
    this.#clock = clock
    this.#stores = stores
  }

  on(run: Run): MemoryBlobs {
    return new MemoryBlobs(run, this.#journal, this.#clock, this.#stores)
  }

  putChunk(tenant: string, upload: string, index: number, bytes: Uint8Array): Promise<void> {
    // The caller may use its buffer again as soon as this resolves, and even while this waits its turn.
    const copy = Uint8Array.from(bytes)
    return this.#run(() => {
      const name = nameOf(tenant, upload)
      const chunks = [...(this.#stores.uploads.get(name) ?? [])]
      chunks[index] = copy
      this.#set(this.#stores.uploads, name, chunks)
    })
  }

  finish(
    tenant: string,
    upload: string,
    record: Omit<BlobRecord, 'createdAt'>,
    last?: { readonly index: number; readonly bytes: Uint8Array },
  ): Promise<BlobRecord> {
    const copy = last === undefined ? undefined : Uint8Array.from(last.bytes)
    return this.#run(() => {
      const uploadName = nameOf(tenant, upload)
      const chunks = [...(this.#stores.uploads.get(uploadName) ?? [])]
      if (last !== undefined && copy !== undefined) chunks[last.index] = copy
      this.#set(this.#stores.uploads, uploadName, undefined)
      const name = nameOf(tenant, record.hash)
      const known = this.#stores.blobs.get(name)
      if (known !== undefined) return known.record
      const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      if (sizeBytes !== record.sizeBytes) {
        throw new HoldfastError(
          'FAILED_PRECONDITION',
          `Upload ${upload} has ${sizeBytes} bytes, not ${record.sizeBytes}: it was abandoned meanwhile, put it again`,
        )
      }
      const finished = { ...record, createdAt: this.#clock() }
      this.#set(this.#stores.blobs, name, { record: finished, chunks })
      return finished
    })
  }

  abandon(tenant: string, upload: string): Promise<void> {
    return this.#run(() => this.#set(this.#stores.uploads, nameOf(tenant, upload), undefined))
  }

  stat(tenant: string, hash: string): Promise<BlobRecord | undefined> {
    return this.#run(() => this.#stores.blobs.get(nameOf(tenant, hash))?.record)
  }

  readChunk(tenant: string, hash: string, index: number): Promise<Uint8Array | undefined> {
    return this.#run(() => {
      const chunk = this.#stores.blobs.get(nameOf(tenant, hash))?.chunks[index]
      return chunk === undefined ? undefined : Uint8Array.from(chunk)
    })
  }

  remove(tenant: string, hash: string): Promise<boolean> {
    return this.#run(() => {
      const name = nameOf(tenant, hash)
      const known = this.#stores.blobs.has(name)
      this.#set(this.#stores.blobs, name, undefined)
      return known
    })
  }

  #set<V>(map: Map<string, V>, name: string, value: V | undefined): void {
    const before = map.get(name)
    assign(map, name, value)
    this.#journal.record(() => assign(map, name, before))
  }
}

function assign<V>(map: Map<string, V>, name: string, value: V | undefined): void {
  if (value === undefined) map.delete(name)
  else map.set(name, value)
}

const nameOf = (tenant: string, id: string): string => `${tenant}\0${id}`
