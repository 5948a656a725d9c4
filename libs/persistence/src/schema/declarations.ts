import { invalidField } from '@holdfast/errors'
import type { IndexDefinition } from '../backend.js'
import { withSchema } from '../claim/claim-operations.js'
import type { CollectionTarget } from '../collection-target.js'
import { StoredCollection } from '../collection.js'
import type { LogOptions } from '../contract/log.js'
import type { CollectionOptions } from '../contract/scope.js'
import { EncryptedCodec } from '../encryption/encrypted-codec.js'
import type { KeyRing, KeySource } from '../encryption/key-ring.js'
import { EncryptedEntries } from '../encryption/encrypted-entries.js'
import { type EncryptSpec, notConfigured, parseEncrypt } from '../encryption/encrypt-option.js'
import { hashSegments } from '../encryption/search-hash.js'
import { type LogTarget, StoredLog } from '../log.js'
import { checkOptions } from '../options.js'
import { CodedAccess, CodedOperations, CodedReads, Turns } from './coded-documents.js'
import { CodedLog } from './coded-log.js'
import { DataSchema } from './data-schema.js'
import { type DocumentCodec, VersionedCodec } from './document-codec.js'
import { SchemaCollection } from './schema-collection.js'
import { SchemaVersions } from './schema-versions.js'

/** What was said of a collection's or log's data, last and by anybody in this process. */
interface Declared {
  schema: DataSchema | undefined
  versions: SchemaVersions | undefined
  encrypt: EncryptSpec | undefined
  readonly turns: Turns
  /** By tenant: the searchable fields that all its documents have hashes of. */
  readonly searchable: Map<string, Set<string>>
}

/** Remembers `schema`, `upcast` and `encrypt` of collections and logs, so that they hold for those who open one without them. */
export class Declarations {
  readonly #ring: KeyRing | undefined
  readonly #declared = new Map<string, Declared>()

  constructor(ring: KeyRing | undefined) {
    this.#ring = ring
  }

  /** The collection with what its declarations ask for; one without any costs nothing more.
   *  @param keys of the tenant, if the collection is encrypted */
  collection<T>(target: CollectionTarget, options: CollectionOptions<T> = {}, keys?: KeySource): StoredCollection<T> {
    const name = `collection:${target.name}`
    const known = this.#declared.get(name)
    const { schema, upcast, encrypt } = options
    if (known === undefined && schema === undefined && upcast === undefined && encrypt === undefined) {
      return new StoredCollection<T>(target)
    }
    const declared = known ?? emptyDeclared()
    if (schema !== undefined) declared.schema = new DataSchema(schema)
    if (upcast !== undefined) declared.versions = new SchemaVersions(upcast)
    declared.encrypt = mergeEncrypt(declared.encrypt, encrypt)
    this.#declared.set(name, declared)
    const coded = this.#coded(target, declared, keys)
    return declared.schema === undefined
      ? new StoredCollection<T>(coded)
      : new SchemaCollection<T>(coded, declared.schema)
  }

  log<T>(target: LogTarget, options: LogOptions<T> = {}, keys?: KeySource): StoredLog<T> {
    checkOptions(options, ['schema', 'encrypt', 'retain'])
    const { name, tenant } = target
    const known = this.#declared.get(`log:${name}`)
    const { schema, encrypt } = options
    if (encrypt !== undefined && typeof encrypt !== 'boolean') throw invalidField('encrypt', 'must be true or false')
    if (known === undefined && schema === undefined && encrypt !== true) return new StoredLog<T>(target)
    const declared = known ?? emptyDeclared()
    if (schema !== undefined) declared.schema = new DataSchema(schema)
    declared.encrypt = mergeEncrypt(declared.encrypt, encrypt)
    this.#declared.set(`log:${name}`, declared)
    const encrypted =
      declared.encrypt === undefined ? undefined : new EncryptedEntries(name, tenant, this.#keysOf(name, tenant, keys))
    return new CodedLog<T>(target, { schema: declared.schema, encrypted })
  }

  #coded(target: CollectionTarget, declared: Declared, keys: KeySource | undefined): CollectionTarget {
    const { name, tenant, access, operations, atomically, stale } = target
    const { schema, turns } = declared
    const codec = this.#codec(target, declared, keys)
    const coded = new CodedAccess({ collection: name, inner: access, operations, codec, schema, turns })
    const rewrite = { collection: name, tenant, stored: operations, codec, schema }
    const claimed = codec === undefined ? operations : new CodedOperations(operations, codec)
    const claims = schema === undefined ? {} : { claimOperations: withSchema(claimed, schema) }
    const whole = { ...target, rewrite, access: coded, ...claims }
    if (codec === undefined) return whole
    return {
      ...whole,
      operations: new CodedOperations(operations, codec, schema),
      ...(stale === undefined ? {} : { stale: (ms: unknown) => new CodedReads(stale(ms), codec) }),
      atomically: async (work) => {
        const pinned = await codec.pinned()
        return atomically((inner) => work(new CodedOperations(inner, pinned)))
      },
    }
  }

  #codec(target: CollectionTarget, declared: Declared, keys: KeySource | undefined): DocumentCodec | undefined {
    const { name, tenant, operations } = target
    const { encrypt, versions } = declared
    if (encrypt === undefined) return versions === undefined ? undefined : new VersionedCodec(versions)
    const searchable = declared.searchable.get(tenant) ?? new Set()
    declared.searchable.set(tenant, searchable)
    return new EncryptedCodec({
      collection: name,
      encrypt,
      versions,
      keys: this.#keysOf(name, tenant, keys),
      finds: async (where) => (await operations.query(name, { tenant, where, sort: [], limit: 1 })).length > 0,
      searchable,
    })
  }

  #keysOf(name: string, tenant: string, keys: KeySource | undefined): KeySource {
    if (this.#ring === undefined) throw notConfigured(name)
    return keys ?? this.#ring.source(tenant)
  }
}

function emptyDeclared(): Declared {
  return { schema: undefined, versions: undefined, encrypt: undefined, turns: new Turns(), searchable: new Map() }
}

/** Once encrypted, always encrypted. */
function mergeEncrypt(before: EncryptSpec | undefined, option: unknown): EncryptSpec | undefined {
  const added = parseEncrypt(option)
  if (before === undefined || added === undefined) return before ?? added
  const search = [...before.search, ...added.search].sort(([a], [b]) => (a < b ? -1 : 1))
  return { search: new Map(search) }
}

/** Indexes of an encrypted collection lie on the hashes of searchable fields. */
export function encryptedIndexes(indexes: readonly IndexDefinition[], encrypt: unknown): readonly IndexDefinition[] {
  const spec = parseEncrypt(encrypt)
  if (spec === undefined) return indexes
  return indexes.map((index, place) => {
    const field = `indexes[${place}]`
    const { on, unique, ...others } = index
    const [other] = Object.keys(others)
    if (other !== undefined) throw invalidField(`${field}.${other}`, 'is not possible in an encrypted collection')
    const hashed = on.map((path) => {
      const name = path.join('.')
      if (spec.search.has(name)) return hashSegments(name)
      throw invalidField(`${field}.on`, `cannot be ${name}, which is encrypted: add it to encrypt.search`)
    })
    return { on: hashed, unique }
  })
}
