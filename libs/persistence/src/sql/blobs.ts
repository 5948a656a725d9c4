import { HoldfastError } from '@holdfast/errors'
import type { BlobOperations, BlobRecord } from '../backend.js'
import type { SqlConnection } from './driver.js'

type NewBlob = Omit<BlobRecord, 'createdAt'>

/** The blob operations as SQL, see migrations/0002-blobs.ts for the tables. */
export class SqlBlobs implements BlobOperations {
  readonly #connection: SqlConnection

  constructor(connection: SqlConnection) {
    this.#connection = connection
  }

  /** The same operations on a transaction's connection. */
  on(connection: SqlConnection): SqlBlobs {
    return new SqlBlobs(connection)
  }

  async putChunk(tenant: string, upload: string, index: number, bytes: Uint8Array): Promise<void> {
    await this.#connection.query({
      name: 'blob-chunk',
      text: `insert into holdfast.blob_chunks (tenant, upload, place, bytes) values ($1, $2, $3, $4)
        on conflict (tenant, upload, place) do update set bytes = excluded.bytes`,
      values: [tenant, upload, index, bytes],
    })
  }

  async finish(
    tenant: string,
    upload: string,
    record: NewBlob,
    last?: { readonly index: number; readonly bytes: Uint8Array },
  ): Promise<BlobRecord> {
    const created = await this.#makeVisible(tenant, upload, record, last)
    if (created !== undefined) return { ...record, createdAt: created }
    const known = await this.stat(tenant, record.hash)
    if (known === undefined) {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `Upload ${upload} does not have all of its ${record.sizeBytes} bytes: it was abandoned meanwhile, put it again`,
      )
    }
    await this.abandon(tenant, upload)
    return known
  }

  async abandon(tenant: string, upload: string): Promise<void> {
    // A repeated `finish` meets its own blob, whose chunks must stay.
    await this.#connection.query({
      name: 'blob-abandon',
      text: `delete from holdfast.blob_chunks where tenant = $1 and upload = $2
        and not exists (select from holdfast.blobs where tenant = $1 and upload = $2)`,
      values: [tenant, upload],
    })
  }

  async stat(tenant: string, hash: string): Promise<BlobRecord | undefined> {
    const [row] = await this.#connection.query({
      name: 'blob-stat',
      text: 'select size_bytes, content_type, created_at from holdfast.blobs where tenant = $1 and hash = $2',
      values: [tenant, hash],
      readOnly: true,
    })
    if (row === undefined) return undefined
    const [sizeBytes, contentType, createdAt] = row
    return { hash, sizeBytes: Number(sizeBytes), contentType: String(contentType), createdAt: Number(createdAt) }
  }

  async readChunk(tenant: string, hash: string, index: number): Promise<Uint8Array | undefined> {
    const [row] = await this.#connection.query({
      name: 'blob-read',
      text: `select c.bytes from holdfast.blobs b
        left join holdfast.blob_chunks c on c.tenant = b.tenant and c.upload = b.upload and c.place = $3
        where b.tenant = $1 and b.hash = $2`,
      values: [tenant, hash, index],
      readOnly: true,
    })
    if (row === undefined) return undefined
    const [bytes] = row
    if (bytes instanceof Uint8Array) return bytes
    throw new HoldfastError('DATA_LOSS', `Chunk ${index} of blob ${hash} is missing: restore it from a backup`, {
      reason: 'BLOB_DAMAGED',
    })
  }

  async remove(tenant: string, hash: string): Promise<boolean> {
    const [row] = await this.#connection.query({
      name: 'blob-remove',
      text: `with gone as (delete from holdfast.blobs where tenant = $1 and hash = $2 returning upload),
          chunks as (delete from holdfast.blob_chunks c using gone where c.tenant = $1 and c.upload = gone.upload)
        select count(*) from gone`,
      values: [tenant, hash],
    })
    return row?.[0] === 1
  }

  /** @returns when it was made; `undefined`: there is a blob of that hash, or the upload is not complete */
  async #makeVisible(
    tenant: string,
    upload: string,
    { hash, sizeBytes, contentType }: NewBlob,
    last: { readonly index: number; readonly bytes: Uint8Array } | undefined,
  ): Promise<number | undefined> {
    const [row] = await this.#connection.query({
      name: 'blob-finish',
      text: `with last as (
          insert into holdfast.blob_chunks as c (tenant, upload, place, bytes) select $1, $3, $6::int, $7::bytea
          where $7::bytea is not null and not exists (select from holdfast.blobs where tenant = $1 and hash = $2)
          on conflict (tenant, upload, place) do update set bytes = excluded.bytes
          returning octet_length(c.bytes) as size_bytes)
        insert into holdfast.blobs (tenant, hash, upload, size_bytes, content_type, created_at)
        select $1, $2, $3, $4::bigint, $5, now()
        where $4::bigint = coalesce((select size_bytes from last), 0) + coalesce((
          select sum(octet_length(bytes)) from holdfast.blob_chunks
          where tenant = $1 and upload = $3 and place is distinct from $6::int), 0)
        on conflict do nothing returning created_at`,
      values: [tenant, hash, upload, sizeBytes, contentType, last?.index ?? null, last?.bytes ?? null],
    })
    return row === undefined ? undefined : Number(row[0])
  }
}
