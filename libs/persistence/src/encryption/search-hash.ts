import { createHmac } from 'node:crypto'
import { invalidField } from '@holdfast/errors'
import { isJsonArray, isJsonObject } from '../query/json-value.js'
import { eachValue } from '../query/match.js'
import type { FieldPath, JsonValue, Predicate } from '../query/predicate.js'
import { markName } from '../schema/mark.js'
import type { EncryptSpec } from './encrypt-option.js'
import type { TenantKeys } from './key-ring.js'

/** 16 of HMAC's 32 bytes: two different values of a tenant's field collide with a probability of 2^-64 once there are 2^32. */
const hashBytes = 16

/** The keyed hashes of searchable fields. What stands in `h` for a field has a shape of which filters think as of the field itself: null is
 *  null, missing is missing, arrays, also those on the way, are arrays of hashes. An empty array is `[[]]`, because `[]` stands for a
 *  path that leads nowhere (see query/match.ts). An update finds its document in the database by hashes and looks at it again in clear: the
 *  two must never disagree. */
export class SearchHashes {
  readonly #collection: string
  readonly #spec: EncryptSpec
  /** Changes with the fields, so that documents without all hashes can be told. */
  readonly fields: string

  constructor(collection: string, spec: EncryptSpec) {
    this.#collection = collection
    this.#spec = spec
    this.fields = [...spec.search.keys()].join(',')
  }

  /** `undefined`: there is nothing to search for. */
  of(data: unknown, keys: TenantKeys): Record<string, JsonValue> | undefined {
    const hashes: Record<string, JsonValue> = {}
    let any = false
    for (const [field, segments] of this.#spec.search) {
      const found: (JsonValue | undefined)[] = []
      eachValue(data, segments, (value) => found.push(value))
      if (found.length > 0 && found.every((value) => value === undefined)) continue
      hashes[field] = this.#shape(field, found, keys)
      any = true
    }
    return any ? hashes : undefined
  }

  /** The filter over hashes. Only equality can be asked of what is encrypted. */
  where(predicate: Predicate, keys: TenantKeys): Predicate {
    switch (predicate.kind) {
      case 'and':
      case 'or':
      case 'nor':
        return { kind: predicate.kind, of: predicate.of.map((part) => this.where(part, keys)) }
      case 'not':
        return { kind: 'not', of: this.where(predicate.of, keys) }
      case 'compare': {
        const { path, op, value } = predicate
        if (path.of === 'meta') return predicate
        const field = this.#field(path, op === 'eq' ? undefined : `$${op}`)
        return { kind: 'compare', path: hashPath(field), op, value: this.#operand(field, value, keys) }
      }
      case 'in': {
        const { path, values } = predicate
        if (path.of === 'meta') return predicate
        const field = this.#field(path)
        return { kind: 'in', path: hashPath(field), values: values.map((value) => this.#operand(field, value, keys)) }
      }
      case 'exists': {
        const { path } = predicate
        if (path.of === 'meta') return predicate
        const hashed = hashPath(this.#field(path))
        const nowhere: Predicate = { kind: 'size', path: hashed, size: 0 }
        const there: Predicate = {
          kind: 'and',
          of: [
            { kind: 'exists', path: hashed, exists: true },
            { kind: 'not', of: nowhere },
          ],
        }
        return predicate.exists ? there : { kind: 'not', of: there }
      }
      default:
        if ('path' in predicate && predicate.path.of === 'meta') return predicate
        throw this.#refused('path' in predicate ? predicate.path : undefined, `$${predicate.kind}`)
    }
  }

  #field(path: FieldPath & { readonly of: 'data' }, operator?: string): string {
    const field = path.segments.join('.')
    if (operator !== undefined || !this.#spec.search.has(field)) throw this.#refused(path, operator)
    return field
  }

  #refused(path: FieldPath | undefined, operator: string | undefined): Error {
    const field = path?.of === 'data' ? path.segments.join('.') : undefined
    const searchable = [...this.#spec.search.keys()].join(', ')
    const known = searchable === '' ? 'declare encrypt: { search: […] }' : `of ${searchable}`
    if (field !== undefined && this.#spec.search.has(field)) {
      return invalidField(`filter.${field}`, `is encrypted and can be searched by equality only, not by ${operator}`)
    }
    return invalidField(
      field === undefined ? `filter.${operator}` : `filter.${field}`,
      `cannot be searched, because ${this.#collection} is encrypted: ask for equality ${known}, or filter what find yields`,
    )
  }

  #shape(field: string, found: readonly (JsonValue | undefined)[], keys: TenantKeys): JsonValue {
    const [only] = found
    if (found.length === 1 && only !== undefined && !isJsonArray(only)) return this.#hash(field, only, keys)
    return found.flatMap((value): JsonValue[] => {
      if (value === undefined) return [null]
      if (!isJsonArray(value)) return [this.#hash(field, value, keys)]
      return value.length === 0 ? [[]] : value.map((item) => this.#hash(field, item, keys))
    })
  }

  #operand(field: string, value: JsonValue, keys: TenantKeys): JsonValue {
    if (!isJsonArray(value) && !isJsonObject(value)) return this.#hash(field, value, keys)
    throw invalidField(`filter.${field}`, 'is encrypted and can be compared with single values only')
  }

  #hash(field: string, value: JsonValue, keys: TenantKeys): string | null {
    if (value === null) return null
    const key = keys.derived('search', this.#collection, field)
    return createHmac('sha256', key).update(JSON.stringify(value)).digest().toString('base64url', 0, hashBytes)
  }
}

export function hashSegments(field: string): readonly string[] {
  return [markName, 'h', field]
}

const hashPath = (field: string): FieldPath & { readonly of: 'data' } => ({
  of: 'data',
  segments: hashSegments(field),
})
