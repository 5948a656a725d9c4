import { HoldfastError } from '@holdfast/errors'
import type {
  BlobChunk,
  BlobLink,
  BlobOperations,
  BlobRecord,
  ContentName,
  ErasedBlobs,
  NewBlob,
  PlacedBlob,
  Upload,
} from '../blobs/blob-operations.js'
import { damaged, noSuchBlob, uploadGone } from '../blobs/blob-errors.js'
import * as texts from './blob-statements.js'
import type { SqlConnection, SqlRow, SqlValue } from './driver.js'
import { int8Array } from './parameters.js'

const eraseBatch = 5_000

/** The blob operations as SQL. */
export class SqlBlobs implements BlobOperations {
  readonly #connection: SqlConnection

  constructor(connection: SqlConnection) {
    this.#connection = connection
  }

  /** The same operations on a transaction's connection. */
  on(connection: SqlConnection): SqlBlobs {
    return new SqlBlobs(connection)
  }

  async begin({ tenant, upload, content, token }: Upload): Promise<void> {
    await this.#send('blob-begin', texts.beginText, [tenant, upload, content, token ?? null])
  }

  async putChunk(tenant: string, upload: string, index: number, bytes: Uint8Array): Promise<void> {
    if (index === 0) await this.#send('blob-first-chunk', texts.firstChunkText, [tenant, upload, bytes])
    else await this.#send('blob-chunk', texts.chunkText, [tenant, upload, index, bytes])
  }

  async refresh(tenant: string, upload: string): Promise<void> {
    await this.#send('blob-refresh', texts.refreshText, [tenant, upload])
  }

  async finish(tenant: string, upload: string, blob: NewBlob, along: readonly BlobChunk[] = []): Promise<PlacedBlob> {
    const { hash, sizeBytes, contentType, content = 'database', createdAt, storedBytes = sizeBytes } = blob
    const created = createdAt === undefined ? null : new Date(createdAt).toISOString()
    const places = int8Array(along.map(({ index }) => index))
    const bytes = { type: 'bytea', items: along.map((chunk) => chunk.bytes) } as const
    const values = [tenant, hash, upload, sizeBytes, contentType, places, bytes, content, created, storedBytes]
    // The second time it finds the blob of whoever finished first.
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const [row] = await this.#send('blob-finish', texts.finishText, values)
      if (row !== undefined) return placed(row)
    }
    throw uploadGone(upload)
  }

  async abandon(tenant: string, upload: string): Promise<void> {
    await this.#send('blob-abandon', texts.abandonText, [tenant, upload])
  }

  async stat(tenant: string, hash: string): Promise<PlacedBlob | undefined> {
    const [row] = await this.#read('blob-stat', texts.statText, [tenant, hash])
    return row === undefined ? undefined : placed(row)
  }

  async touch(tenant: string, hash: string): Promise<PlacedBlob | undefined> {
    const [row] = await this.#send('blob-touch', texts.touchText, [tenant, hash])
    return row === undefined ? undefined : placed(row)
  }

  async readChunk(tenant: string, hash: string, index: number): Promise<Uint8Array | undefined> {
    const [row] = await this.#read('blob-read', texts.readText, [tenant, hash, index])
    if (row === undefined) return undefined
    const [bytes] = row
    if (bytes instanceof Uint8Array) return bytes
    throw damaged(hash, `has lost chunk ${index}`)
  }

  async remove(tenant: string, hash: string): Promise<PlacedBlob | 'linked' | 'missing'> {
    try {
      const [row] = await this.#send('blob-remove', texts.removeText, [tenant, hash])
      if (row === undefined) return 'missing'
      return row[6] === true ? placed(row) : 'linked'
    } catch (error) {
      if (isForeignKeyViolation(error)) return 'linked'
      throw error
    }
  }

  async list(
    tenant: string | undefined,
    after: { readonly tenant: string; readonly hash: string } | undefined,
    limit: number,
  ): Promise<(PlacedBlob & { readonly tenant: string })[]> {
    const rows = await (tenant === undefined
      ? this.#read('blob-list-all', texts.listAllText, [after?.tenant ?? '', after?.hash ?? '', limit])
      : this.#read('blob-list', texts.listText, [tenant, after?.hash ?? '', limit]))
    return rows.map((row) => ({ ...placed(row), tenant: String(row[6]) }))
  }

  async link(tenant: string, hash: string, owner: string): Promise<boolean> {
    const [row] = await this.#send('blob-link', texts.linkText, [tenant, hash, owner])
    if (Number(row?.[0]) === 0) throw noSuchBlob(hash)
    return Number(row?.[1]) === 1
  }

  async unlink(tenant: string, hash: string, owner: string): Promise<boolean> {
    return (await this.#count('blob-unlink', texts.unlinkText, [tenant, hash, owner])) === 1
  }

  unlinkAll(tenant: string, owner: string): Promise<number> {
    return this.#count('blob-unlink-all', texts.unlinkAllText, [tenant, owner])
  }

  async links(
    tenant: string,
    of: { readonly hash: string } | { readonly owner: string },
    after: string,
    limit: number,
  ): Promise<BlobLink[]> {
    const rows = await ('hash' in of
      ? this.#read('blob-links-to', texts.linksToText, [tenant, of.hash, after, limit])
      : this.#read('blob-links-of', texts.linksOfText, [tenant, of.owner, after, limit]))
    return rows.map(([hash, owner]) => ({ hash: String(hash), owner: String(owner) }))
  }

  async dropUnlinked(tenant: string, olderThanMs: number, limit: number): Promise<BlobRecord[]> {
    const values = [tenant, olderThanMs, limit]
    const rows = await unlessLinked(() => this.#send('blob-drop-unlinked', texts.dropUnlinkedText, values))
    if (rows.length < limit) await this.#send('blob-repair-hints', texts.repairHintsText, [tenant])
    return rows.map(placed)
  }

  async tenants(after: string, limit: number): Promise<string[]> {
    return (await this.#read('blob-tenants', texts.tenantsText, [after, limit])).map(([tenant]) => String(tenant))
  }

  condemn(tenant: string, olderThanMs: number): Promise<number> {
    return this.#count('blob-condemn', texts.condemnText, [tenant, olderThanMs])
  }

  async dead(tenant: string, after: string, limit: number): Promise<Upload[]> {
    const rows = await this.#read('blob-dead', texts.deadText, [tenant, after, limit])
    return rows.map(([upload, content, token]) => ({
      tenant,
      upload: String(upload),
      content: content as ContentName,
      ...(token === null ? {} : { token: String(token) }),
    }))
  }

  dropChunks(tenant: string, upload: string, limit: number): Promise<number> {
    return this.#count('blob-drop-chunks', texts.dropChunksText, [tenant, upload, limit])
  }

  async erase(tenant: string): Promise<ErasedBlobs> {
    let erased = { blobs: 0, links: 0 }
    for (let blobs = eraseBatch; blobs === eraseBatch;) {
      const [row] = await unlessLinked(() => this.#send('blob-erase', texts.eraseText, [tenant, eraseBatch]))
      blobs = Number(row?.[0])
      erased = { blobs: erased.blobs + blobs, links: erased.links + Number(row?.[1]) }
    }
    await this.condemn(tenant, 0)
    return erased
  }

  #send(name: string, text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#connection.query({ name, text, values })
  }

  #read(name: string, text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#connection.query({ name, text, values, readOnly: true })
  }

  async #count(name: string, text: string, values: readonly SqlValue[]): Promise<number> {
    const [row] = await this.#send(name, text, values)
    return Number(row?.[0])
  }
}

function placed([hash, sizeBytes, contentType, createdAt, upload, content]: SqlRow): PlacedBlob {
  return {
    hash: String(hash),
    sizeBytes: Number(sizeBytes),
    contentType: String(contentType),
    createdAt: Number(createdAt),
    upload: String(upload),
    content: content as ContentName,
  }
}

/** A batch is looked at again when a link was made to one of its blobs meanwhile. */
async function unlessLinked<R>(work: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!isForeignKeyViolation(error) || attempt === 20) throw error
    }
  }
}

/** SQLSTATE 23503. */
function isForeignKeyViolation(error: unknown): boolean {
  return error instanceof HoldfastError && error.metadata['sqlState'] === '23503'
}
