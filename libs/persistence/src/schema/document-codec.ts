import type { Key, StoredDocument } from '../backend.js'
import { decodeJson } from '../json.js'
import type { Predicate, SortKey } from '../query/predicate.js'
import { takeMark, withMark } from './mark.js'
import type { SchemaVersions } from './schema-versions.js'

/** What stands between a caller's data and the stored text, of collections that declare `upcast` or `encrypt`. Others have none. */
export interface DocumentCodec {
  /** The text to store. */
  encode(key: Key, json: string): Promise<string>
  /** The document as callers see it; `filtered` is set if filters saw something else. */
  decode<Stored extends StoredDocument>(key: Key, stored: Stored): Promise<Stored>
  /** The filter over what is stored. @throws INVALID_ARGUMENT if it asks for what is not stored in clear */
  where(predicate: Predicate): Promise<Predicate>
  /** @throws INVALID_ARGUMENT as above */
  checkSort(sort: readonly SortKey[]): void
  /** Matches what is not stored in the newest form, and nothing that is newer than this program. */
  outdated(): Promise<Predicate>
  /** The same with the keys of now, for use inside a transaction. */
  pinned(): Promise<DocumentCodec>
}

const versionPath = { of: 'data', segments: ['$holdfast', 'v'] } as const

/** Older, or without a version and therefore 1. */
export function olderThan(version: number): Predicate {
  const missing = { kind: 'exists', path: versionPath, exists: false } as const
  const older = { kind: 'compare', path: versionPath, op: 'lt', value: version } as const
  return version === 1 ? { kind: 'or', of: [older] } : { kind: 'or', of: [missing, older] }
}

/** Data in clear with a schema version in it. */
export class VersionedCodec implements DocumentCodec {
  readonly #versions: SchemaVersions

  constructor(versions: SchemaVersions) {
    this.#versions = versions
  }

  async encode(_key: Key, json: string): Promise<string> {
    return withMark(json, { v: this.#versions.current })
  }

  async decode<Stored extends StoredDocument>(_key: Key, stored: Stored): Promise<Stored> {
    const data = decodeJson(stored.json)
    const { v = 1 } = takeMark(data) ?? {}
    if (v === this.#versions.current) return { ...stored, json: JSON.stringify(data) }
    const filtered = JSON.stringify(data)
    return { ...stored, json: JSON.stringify(this.#versions.upcast(data, v, stored.id)), filtered }
  }

  async where(predicate: Predicate): Promise<Predicate> {
    return predicate
  }

  checkSort(): void {
    // Everything is stored in clear.
  }

  async outdated(): Promise<Predicate> {
    return olderThan(this.#versions.current)
  }

  async pinned(): Promise<DocumentCodec> {
    return this
  }
}
