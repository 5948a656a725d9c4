import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Key, StoredDocument } from '../backend.js'
import { decodeJson } from '../json.js'
import type { FieldPath, Predicate, SortKey } from '../query/predicate.js'
import { type DocumentCodec, olderThan } from '../schema/document-codec.js'
import { type Mark, markName, takeMark } from '../schema/mark.js'
import type { SchemaVersions } from '../schema/schema-versions.js'
import type { EncryptSpec } from './encrypt-option.js'
import type { KeySource } from './key-ring.js'
import { open, seal } from './seal.js'
import { SearchHashes } from './search-hash.js'

export interface EncryptedCodecOptions {
  readonly collection: string
  readonly encrypt: EncryptSpec
  readonly versions: SchemaVersions | undefined
  readonly keys: KeySource
  /** Whether the tenant has documents that this predicate matches. */
  readonly finds: (where: Predicate) => Promise<boolean>
  /** Tenants of which all documents are known to have the hashes of these fields. */
  readonly searchable: Set<string>
}

/** A document as `{ $holdfast: { k: 2, e: '…', v: 3, f: 'email', h: { email: '…' } } }`: which key, what it encrypted, the schema version,
 *  which fields are searchable, and their hashes. */
export class EncryptedCodec implements DocumentCodec {
  readonly #options: EncryptedCodecOptions
  readonly #hashes: SearchHashes

  constructor(options: EncryptedCodecOptions) {
    this.#options = options
    this.#hashes = new SearchHashes(options.collection, options.encrypt)
  }

  async encode(key: Key, json: string): Promise<string> {
    const keys = await this.#options.keys()
    const { versions, encrypt } = this.#options
    const h = encrypt.search.size === 0 ? undefined : this.#hashes.of(decodeJson(json), keys)
    const k = keys.current
    const v = versions?.current
    const e = seal(keys.data(k), this.#placeOf(key, k, v), json).toString('base64')
    const f = encrypt.search.size === 0 ? undefined : this.#hashes.fields
    // Members that are undefined are left out.
    return JSON.stringify({ [markName]: { k, e, v, f, h } })
  }

  async decode<Stored extends StoredDocument>(key: Key, stored: Stored): Promise<Stored> {
    const data = decodeJson(stored.json)
    const mark = takeMark(data)
    const json = mark?.e === undefined ? JSON.stringify(data) : await this.#opened(key, mark)
    const { versions } = this.#options
    const v = mark?.v ?? 1
    if (versions === undefined || v === versions.current) return { ...stored, json }
    return { ...stored, json: JSON.stringify(versions.upcast(decodeJson(json), v, stored.id)), filtered: json }
  }

  async where(predicate: Predicate): Promise<Predicate> {
    if (!asksForData(predicate)) return predicate
    const rewritten = this.#hashes.where(predicate, await this.#options.keys())
    await this.#checkSearchable()
    return rewritten
  }

  checkSort(sort: readonly SortKey[]): void {
    for (const { path } of sort) {
      if (path.of === 'meta') continue
      throw invalidField(
        `sort.${path.segments.join('.')}`,
        `cannot be sorted by, because ${this.#options.collection} is encrypted: sort by _id, _version, _createdAt or _updatedAt`,
      )
    }
  }

  async outdated(): Promise<Predicate> {
    const { versions } = this.#options
    const { current } = await this.#options.keys()
    const otherKey: Predicate = { kind: 'not', of: { kind: 'compare', path: markPath('k'), op: 'eq', value: current } }
    const parts = [otherKey, this.#withoutHashes(), ...(versions === undefined ? [] : [olderThan(versions.current)])]
    const outdated: Predicate = { kind: 'or', of: parts }
    if (versions === undefined) return outdated
    const tooNew: Predicate = { kind: 'compare', path: markPath('v'), op: 'gt', value: versions.current }
    return { kind: 'and', of: [outdated, { kind: 'not', of: tooNew }] }
  }

  async pinned(): Promise<DocumentCodec> {
    const keys = await this.#options.keys()
    return new EncryptedCodec({ ...this.#options, keys: async () => keys })
  }

  async #opened(key: Key, { k = 0, e = '', v }: Mark): Promise<string> {
    const keys = await this.#options.keys(k)
    const json = open(keys.data(k), this.#placeOf(key, k, v), Buffer.from(e, 'base64'))
    if (json !== undefined) return json.toString('utf8')
    throw new HoldfastError(
      'DATA_LOSS',
      `Document ${key.id} of ${this.#options.collection} was changed outside of the store or belongs elsewhere: restore it from a backup`,
      { reason: 'DECRYPTION_FAILED' },
    )
  }

  #placeOf({ tenant, id }: Key, k: number, v: number | undefined): readonly unknown[] {
    return ['document', tenant, this.#options.collection, id, k, v ?? null]
  }

  /** A search must not overlook documents that were written before a field became searchable. Looked at once for each tenant. */
  async #checkSearchable(): Promise<void> {
    const { searchable, finds, collection } = this.#options
    if (searchable.has(this.#hashes.fields)) return
    if (await finds(this.#withoutHashes())) {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `${collection} has documents that were written before these fields could be searched: run rotate() once`,
        { reason: 'SEARCH_INCOMPLETE' },
      )
    }
    searchable.add(this.#hashes.fields)
  }

  #withoutHashes(): Predicate {
    const { fields } = this.#hashes
    if (fields === '') return { kind: 'exists', path: markPath('k'), exists: false }
    return { kind: 'not', of: { kind: 'compare', path: markPath('f'), op: 'eq', value: fields } }
  }
}

const markPath = (name: string): FieldPath => ({ of: 'data', segments: [markName, name] })

function asksForData(predicate: Predicate): boolean {
  if (predicate.kind === 'and' || predicate.kind === 'or' || predicate.kind === 'nor')
    return predicate.of.some(asksForData)
  if (predicate.kind === 'not') return asksForData(predicate.of)
  return !('path' in predicate) || predicate.path.of === 'data'
}
