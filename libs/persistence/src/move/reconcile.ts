import { HoldfastError } from '@holdfast/errors'
import type { BlobOperations, PlacedBlob } from '../blobs/blob-operations.js'
import { putStream } from '../blobs/put-blob.js'
import { readBlob } from '../blobs/read-blob.js'
import type { CollectionSpec } from '../collection-spec.js'
import { canonicalJson } from '../query/json-value.js'
import type { JsonValue } from '../query/predicate.js'
import { type ExportOrigin, keysOf, readableBlobs } from '../transfer/export.js'
import type { ImportTarget } from '../transfer/import.js'
import type { TransferOperations, TransferSource } from '../transfer/seam.js'
import { byKey, type Pair, pairs, rowsOf } from './merge.js'
import type { PassReport } from './move-report.js'

export interface PassOptions {
  readonly signal?: AbortSignal
  readonly onRow?: (rows: number) => void
}

type TenantBlob = PlacedBlob & { readonly tenant: string }

const batchRows = 500
const batchUnits = 2 * 1024 * 1024

/** Makes a store what another is, by comparing both in the order of their keys: what is equal is left alone, so that a pass which was cut is simply made
 *  again. It needs no note of what has changed, and therefore misses nothing that a note would not have. */
export function reconcile(
  from: ExportOrigin,
  to: ExportOrigin & ImportTarget,
  options: PassOptions,
): Promise<PassReport> {
  return from.backend.transfer.snapshot(async (source) => {
    // Its moment is that of its first statement.
    await source.collections()
    return to.backend.transfer.snapshot((target) => new Pass(from, to, source, target, options).run())
  })
}

class Pass {
  readonly #from: ExportOrigin
  readonly #to: ExportOrigin & ImportTarget
  readonly #source: TransferSource
  readonly #target: TransferSource
  readonly #transfer: TransferOperations
  readonly #options: PassOptions
  #rows = 0
  #blobs = 0
  #written = 0
  #removed = 0

  constructor(
    from: ExportOrigin,
    to: ExportOrigin & ImportTarget,
    source: TransferSource,
    target: TransferSource,
    options: PassOptions,
  ) {
    this.#from = from
    this.#to = to
    this.#source = source
    this.#target = target
    this.#transfer = to.backend.transfer
    this.#options = options
  }

  async run(): Promise<PassReport> {
    await this.#keys()
    const duties = await this.#from.backend.upkeep.duties()
    const held = new Set((await this.#target.collections()).map(({ name }) => name))
    for (const { name, ...declared } of await this.#source.collections()) {
      const found = duties.softDeleting.find(({ collection }) => collection === name)
      const spec: CollectionSpec = {
        ...declared,
        ...(duties.expiring.includes(name) ? { expires: true } : {}),
        ...(found === undefined ? {} : { softDelete: found.softDelete }),
      }
      await this.#to.relations.declared(name, spec)()
      await this.#documents(name, held.has(name))
    }
    const logs = new Set(await this.#target.logs())
    for (const log of await this.#source.logs()) {
      await this.#to.relations.log(log, duties.retaining.find((one) => one.log === log)?.retention)()
      await this.#log(log, logs.has(log))
    }
    await this.#allBlobs()
    return { rows: this.#rows, blobs: this.#blobs, written: this.#written, removed: this.#removed }
  }

  async #documents(collection: string, isThere: boolean): Promise<void> {
    const from = rowsOf<DocumentOf>((after) => this.#source.documents(collection, undefined, after))
    const to = isThere ? rowsOf<DocumentOf>((after) => this.#target.documents(collection, undefined, after)) : nothing()
    // A unique value may have gone from one document to another, which comes first here: then both have to be away before.
    const postponed: DocumentOf[] = []
    await this.#each(
      pairs(
        from,
        to,
        byKey(({ tenant, id }) => [tenant, id]),
      ),
      {
        put: async (rows) => {
          try {
            await this.#transfer.putDocuments(collection, rows, true)
          } catch (error) {
            if (!(error instanceof HoldfastError) || error.code !== 'ALREADY_EXISTS') throw error
            postponed.push(...rows)
          }
        },
        remove: (rows) => this.#transfer.removeDocuments(collection, rows),
      },
    )
    await this.#transfer.removeDocuments(collection, postponed)
    for (let at = 0; at < postponed.length; at += batchRows) {
      await this.#transfer.putDocuments(collection, postponed.slice(at, at + batchRows), true)
    }
  }

  async #log(log: string, isThere: boolean): Promise<void> {
    const fromEntries = rowsOf<EntryOf>((after) => this.#source.entries(log, undefined, after))
    const toEntries = isThere ? rowsOf<EntryOf>((after) => this.#target.entries(log, undefined, after)) : nothing()
    await this.#each(
      pairs(
        fromEntries,
        toEntries,
        byKey(({ tenant, stream, seq }) => [tenant, stream, seq]),
      ),
      {
        put: (rows) => this.#transfer.putEntries(log, rows),
        remove: (rows) => this.#transfer.removeEntries(log, rows),
      },
    )
    const from = rowsOf<StreamOf>((after) => this.#source.streams(log, undefined, after))
    const to = isThere ? rowsOf<StreamOf>((after) => this.#target.streams(log, undefined, after)) : nothing()
    await this.#each(
      pairs(
        from,
        to,
        byKey(({ tenant, stream }) => [tenant, stream]),
      ),
      {
        // Another stream of the same name may have had more entries.
        put: async (rows) => {
          await this.#transfer.removeStreams(log, rows)
          await this.#transfer.putStreams(log, rows)
        },
        remove: (rows) => this.#transfer.removeStreams(log, rows),
      },
    )
  }

  async #each<T extends object>(
    series: AsyncIterable<Pair<T>>,
    { put, remove }: { put: (rows: T[]) => Promise<void>; remove: (rows: T[]) => Promise<void> },
  ): Promise<void> {
    let puts: T[] = []
    let removes: T[] = []
    let units = 0
    const flush = async (): Promise<void> => {
      if (removes.length > 0) await remove(removes)
      if (puts.length > 0) await put(puts)
      this.#written += puts.length
      this.#removed += removes.length
      puts = []
      removes = []
      units = 0
    }
    for await (const { from, to } of series) {
      this.#rows += 1
      if (this.#rows % 1_000 === 0) this.#tell()
      if (from === undefined && to !== undefined) removes.push(to)
      if (from !== undefined && !isSame(from, to)) {
        puts.push(from)
        units += 'json' in from && typeof from.json === 'string' ? from.json.length : 100
      }
      if (puts.length + removes.length >= batchRows || units >= batchUnits) await flush()
    }
    await flush()
  }

  async #allBlobs(): Promise<void> {
    const blobsOf = (blobs: BlobOperations) => rowsOf<TenantBlob>((after) => blobs.list(undefined, after, batchRows))
    const from = readableBlobs(this.#source.blobs, this.#from)
    const to = this.#target.blobs
    for await (const pair of pairs(
      blobsOf(from),
      blobsOf(to),
      byKey(({ tenant, hash }) => [tenant, hash]),
    )) {
      this.#blobs += 1
      this.#tell()
      if (pair.to !== undefined && !isSameBlob(pair.from, pair.to)) await this.#removeBlob(pair.to)
      if (pair.from === undefined) continue
      if (!isSameBlob(pair.from, pair.to)) await this.#putBlob(from, pair.from)
      await this.#links(pair.from)
    }
  }

  async #putBlob(blobs: BlobOperations, blob: TenantBlob): Promise<void> {
    const { tenant, createdAt, contentType, sizeBytes } = blob
    const { contents } = this.#to
    const place = { tenant, operations: this.#to.blobs, content: contents.chosen, inTransaction: false, createdAt }
    await putStream(place, readBlob(tenant, blobs, this.#from.contents, blob, 0, sizeBytes), contentType)
    this.#written += 1
  }

  async #removeBlob({ tenant, hash }: TenantBlob): Promise<void> {
    const { blobs } = this.#to.backend
    for (const owner of await owners(blobs, tenant, hash)) await blobs.unlink(tenant, hash, owner)
    await blobs.remove(tenant, hash)
    this.#removed += 1
  }

  async #links({ tenant, hash }: TenantBlob): Promise<void> {
    const { blobs } = this.#to.backend
    const wanted = new Set(await owners(this.#source.blobs, tenant, hash))
    const there = new Set(await owners(blobs, tenant, hash))
    for (const owner of wanted) {
      if (there.has(owner)) continue
      await blobs.link(tenant, hash, owner)
      this.#written += 1
    }
    for (const owner of there) {
      if (wanted.has(owner)) continue
      await blobs.unlink(tenant, hash, owner)
      this.#removed += 1
    }
  }

  /** Wrapped, and with the tombstones of those that were destroyed. */
  async #keys(): Promise<void> {
    const { keys } = this.#to.backend
    const from = await keysOf(this.#from.backend, undefined)
    for (const { tenant, key } of from) {
      if (await keys.add(tenant, key)) continue
      const there = (await keys.list(tenant)).find(({ number }) => number === key.number)
      if (there?.wrapped === key.wrapped) continue
      if (there !== undefined && (await keys.rewrap(tenant, there, key))) continue
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `Tenant ${tenant} has other keys there: move into an empty store`,
        {
          reason: 'KEYS_DIFFER',
        },
      )
    }
    const kept = new Set(from.map(({ tenant }) => tenant))
    for (const { tenant } of await keysOf(this.#to.backend, undefined)) {
      if (!kept.has(tenant)) await keys.destroy(tenant)
    }
  }

  #tell(): void {
    const { signal, onRow } = this.#options
    if (signal?.aborted === true) {
      throw new HoldfastError('CANCELLED', 'The move was stopped: call it again to go on')
    }
    onRow?.(this.#rows + this.#blobs)
  }
}

type DocumentOf = Awaited<ReturnType<TransferSource['documents']>>[number]
type StreamOf = Awaited<ReturnType<TransferSource['streams']>>[number]
type EntryOf = Awaited<ReturnType<TransferSource['entries']>>[number]

async function* nothing(): AsyncGenerator<never> {
  // There is nothing yet.
}

async function owners(blobs: BlobOperations, tenant: string, hash: string): Promise<string[]> {
  const found: string[] = []
  for (;;) {
    const page = await blobs.links(tenant, { hash }, found.at(-1) ?? '', batchRows)
    found.push(...page.map(({ owner }) => owner))
    if (page.length < batchRows) return found
  }
}

function isSameBlob(a: TenantBlob | undefined, b: TenantBlob | undefined): boolean {
  return a !== undefined && b !== undefined && a.createdAt === b.createdAt && a.contentType === b.contentType
}

/** Backends keep the members of objects in different orders. */
function isSame<T extends object>(a: T, b: T | undefined): boolean {
  return b !== undefined && told(a) === told(b)
}

function told(row: object): string {
  const { json, ...rest } = row as { readonly json?: string }
  const data = json === undefined ? '' : canonicalJson(JSON.parse(json) as JsonValue)
  return `${JSON.stringify(rest)}${data}`
}
