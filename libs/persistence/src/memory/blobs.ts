import type {
  BlobChunk,
  BlobLink,
  BlobOperations,
  BlobRecord,
  ErasedBlobs,
  NewBlob,
  PlacedBlob,
  Upload,
} from '../blobs/blob-operations.js'
import { noSuchBlob, uploadGone } from '../blobs/blob-errors.js'
import { compareText } from '../query/text-order.js'
import type { Journal, Run } from './journal.js'

interface StoredUpload {
  readonly upload: Upload
  readonly touchedAt: number
  readonly dead: boolean
  readonly chunks: readonly Uint8Array[]
}

interface StoredBlob {
  readonly tenant: string
  readonly record: PlacedBlob
  readonly chunks: readonly Uint8Array[]
  readonly touchedAt: number
  readonly owners: ReadonlySet<string>
}

interface Stores {
  /** By tenant and upload id. */
  readonly uploads: Map<string, StoredUpload>
  /** By tenant and hash. */
  readonly blobs: Map<string, StoredBlob>
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

  begin(upload: Upload): Promise<void> {
    return this.#run(() => {
      if (this.#upload(upload.tenant, upload.upload)?.dead !== true) this.#note(upload)
    })
  }

  putChunk(tenant: string, upload: string, index: number, bytes: Uint8Array): Promise<void> {
    // The caller may use its buffer again as soon as this resolves, and even while this waits its turn.
    const copy = Uint8Array.from(bytes)
    return this.#run(() => {
      const chunks = [...(this.#upload(tenant, upload)?.chunks ?? [])]
      chunks[index] = copy
      this.#note({ tenant, upload, content: 'database' }, { chunks })
    })
  }

  refresh(tenant: string, upload: string): Promise<void> {
    return this.#run(() => {
      const known = this.#upload(tenant, upload)
      if (known !== undefined && !known.dead) this.#note(known.upload)
    })
  }

  finish(tenant: string, upload: string, blob: NewBlob, along: readonly BlobChunk[] = []): Promise<PlacedBlob> {
    const copies = along.map(({ index, bytes }) => ({ index, bytes: Uint8Array.from(bytes) }))
    return this.#run(() => {
      const known = this.#blob(tenant, blob.hash)
      const content = blob.content ?? 'database'
      if (known !== undefined) {
        if (content === 'database') this.#setUpload(tenant, upload, undefined)
        return this.#touch(known)
      }
      const noted = this.#upload(tenant, upload)
      const chunks = [...(noted?.chunks ?? [])]
      for (const { index, bytes } of copies) chunks[index] = bytes
      const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      // Without a note none is stored, so that the size says whether all have come along.
      const alive = noted === undefined ? content === 'database' : !noted.dead
      if (!alive || (content === 'database' && sizeBytes !== (blob.storedBytes ?? blob.sizeBytes)))
        throw uploadGone(upload)
      const record = { ...blob, content, upload, createdAt: blob.createdAt ?? this.#clock() }
      this.#setUpload(tenant, upload, undefined)
      this.#setBlob(tenant, blob.hash, { tenant, record, chunks, touchedAt: this.#clock(), owners: new Set() })
      return record
    })
  }

  abandon(tenant: string, upload: string): Promise<void> {
    return this.#run(() => this.#setUpload(tenant, upload, undefined))
  }

  stat(tenant: string, hash: string): Promise<PlacedBlob | undefined> {
    return this.#run(() => this.#blob(tenant, hash)?.record)
  }

  touch(tenant: string, hash: string): Promise<PlacedBlob | undefined> {
    return this.#run(() => {
      const known = this.#blob(tenant, hash)
      return known === undefined ? undefined : this.#touch(known)
    })
  }

  readChunk(tenant: string, hash: string, index: number): Promise<Uint8Array | undefined> {
    return this.#run(() => {
      const chunk = this.#blob(tenant, hash)?.chunks[index]
      return chunk === undefined ? undefined : Uint8Array.from(chunk)
    })
  }

  remove(tenant: string, hash: string): Promise<PlacedBlob | 'linked' | 'missing'> {
    return this.#run(() => {
      const known = this.#blob(tenant, hash)
      if (known === undefined) return 'missing'
      if (known.owners.size > 0) return 'linked'
      this.#setBlob(tenant, hash, undefined)
      if (known.record.content !== 'database') this.#bury(known)
      return known.record
    })
  }

  list(
    tenant: string | undefined,
    after: { readonly tenant: string; readonly hash: string } | undefined,
    limit: number,
  ): Promise<(PlacedBlob & { readonly tenant: string })[]> {
    return this.#run(() =>
      [...this.#stores.blobs.values()]
        .filter((blob) => tenant === undefined || blob.tenant === tenant)
        .map((blob) => ({ ...blob.record, tenant: blob.tenant }))
        .toSorted((a, b) => compareText(a.tenant, b.tenant) || compareText(a.hash, b.hash))
        .filter(({ tenant: of, hash }) => {
          if (after === undefined) return true
          return (compareText(of, after.tenant) || compareText(hash, after.hash)) > 0
        })
        .slice(0, limit),
    )
  }

  link(tenant: string, hash: string, owner: string): Promise<boolean> {
    return this.#run(() => {
      const known = this.#blob(tenant, hash)
      if (known === undefined) throw noSuchBlob(hash)
      if (known.owners.has(owner)) return false
      this.#setBlob(tenant, hash, { ...known, owners: new Set([...known.owners, owner]) })
      return true
    })
  }

  unlink(tenant: string, hash: string, owner: string): Promise<boolean> {
    return this.#run(() => this.#unlink(this.#blob(tenant, hash), owner))
  }

  unlinkAll(tenant: string, owner: string): Promise<number> {
    return this.#run(() => this.#of(tenant).filter((blob) => this.#unlink(blob, owner)).length)
  }

  links(
    tenant: string,
    of: { readonly hash: string } | { readonly owner: string },
    after: string,
    limit: number,
  ): Promise<BlobLink[]> {
    return this.#run(() => {
      const found = this.#of(tenant).flatMap(({ record: { hash }, owners }) =>
        [...owners].map((owner) => ({ hash, owner })),
      )
      const sorted =
        'hash' in of
          ? found.filter(({ hash, owner }) => hash === of.hash && compareText(owner, after) > 0)
          : found.filter(({ hash, owner }) => owner === of.owner && hash > after)
      return sorted.toSorted((a, b) => compareText(a.owner, b.owner) || compareText(a.hash, b.hash)).slice(0, limit)
    })
  }

  dropUnlinked(tenant: string, olderThanMs: number, limit: number): Promise<BlobRecord[]> {
    return this.#run(() => {
      const before = this.#clock() - olderThanMs
      const garbage = this.#of(tenant)
        .filter((blob) => blob.owners.size === 0 && blob.touchedAt <= before)
        .slice(0, limit)
      for (const blob of garbage) {
        this.#setBlob(tenant, blob.record.hash, undefined)
        this.#bury(blob)
      }
      return garbage.map(({ record }) => record)
    })
  }

  tenants(after: string, limit: number): Promise<string[]> {
    return this.#run(() => {
      const uploads = [...this.#stores.uploads.values()].map(({ upload }) => upload.tenant)
      const garbage = [...this.#stores.blobs.values()].filter(({ owners }) => owners.size === 0)
      return [...new Set([...uploads, ...garbage.map(({ tenant }) => tenant)])]
        .filter((tenant) => compareText(tenant, after) > 0)
        .toSorted(compareText)
        .slice(0, limit)
    })
  }

  condemn(tenant: string, olderThanMs: number): Promise<number> {
    return this.#run(() => {
      const before = this.#clock() - olderThanMs
      const killed = this.#uploadsOf(tenant).filter(({ dead, touchedAt }) => !dead && touchedAt <= before)
      for (const upload of killed) this.#setUpload(tenant, upload.upload.upload, { ...upload, dead: true })
      return killed.length
    })
  }

  dead(tenant: string, after: string, limit: number): Promise<Upload[]> {
    return this.#run(() =>
      this.#uploadsOf(tenant)
        .filter(({ dead, upload }) => dead && upload.upload > after)
        .map(({ upload }) => upload)
        .toSorted((a, b) => (a.upload < b.upload ? -1 : 1))
        .slice(0, limit),
    )
  }

  dropChunks(tenant: string, upload: string): Promise<number> {
    return this.#run(() => {
      const known = this.#upload(tenant, upload)
      if (known !== undefined) this.#setUpload(tenant, upload, { ...known, chunks: [] })
      return 0
    })
  }

  erase(tenant: string): Promise<ErasedBlobs> {
    return this.#run(() => {
      const blobs = this.#of(tenant)
      for (const blob of blobs) {
        this.#setBlob(tenant, blob.record.hash, undefined)
        this.#bury(blob)
      }
      for (const upload of this.#uploadsOf(tenant)) {
        this.#setUpload(tenant, upload.upload.upload, { ...upload, dead: true })
      }
      return { blobs: blobs.length, links: blobs.reduce((sum, { owners }) => sum + owners.size, 0) }
    })
  }

  #blob(tenant: string, hash: string): StoredBlob | undefined {
    return this.#stores.blobs.get(nameOf(tenant, hash))
  }

  #upload(tenant: string, upload: string): StoredUpload | undefined {
    return this.#stores.uploads.get(nameOf(tenant, upload))
  }

  #of(tenant: string): StoredBlob[] {
    return [...this.#stores.blobs.values()].filter((blob) => blob.tenant === tenant)
  }

  #uploadsOf(tenant: string): StoredUpload[] {
    return [...this.#stores.uploads.values()].filter(({ upload }) => upload.tenant === tenant)
  }

  #touch(blob: StoredBlob): PlacedBlob {
    this.#setBlob(blob.tenant, blob.record.hash, { ...blob, touchedAt: this.#clock() })
    return blob.record
  }

  #unlink(blob: StoredBlob | undefined, owner: string): boolean {
    if (blob === undefined || !blob.owners.has(owner)) return false
    const owners = new Set([...blob.owners].filter((other) => other !== owner))
    this.#setBlob(blob.tenant, blob.record.hash, { ...blob, owners, touchedAt: this.#clock() })
    return true
  }

  #note(upload: Upload, { chunks }: { chunks?: readonly Uint8Array[] } = {}): void {
    const known = this.#upload(upload.tenant, upload.upload)
    this.#setUpload(upload.tenant, upload.upload, {
      upload,
      touchedAt: this.#clock(),
      dead: known?.dead ?? false,
      chunks: chunks ?? known?.chunks ?? [],
    })
  }

  /** The bytes of a blob without a record. */
  #bury({ tenant, record: { upload, content }, chunks }: StoredBlob): void {
    const buried = { upload: { tenant, upload, content }, touchedAt: this.#clock(), dead: true, chunks }
    this.#setUpload(tenant, upload, buried)
  }

  #setUpload(tenant: string, upload: string, value: StoredUpload | undefined): void {
    this.#set(this.#stores.uploads, nameOf(tenant, upload), value)
  }

  #setBlob(tenant: string, hash: string, value: StoredBlob | undefined): void {
    this.#set(this.#stores.blobs, nameOf(tenant, hash), value)
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
