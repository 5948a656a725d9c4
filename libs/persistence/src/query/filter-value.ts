import { invalidField } from '@holdfast/errors'
import { decodeJson, encodeJson } from '../json.js'
import { parseInstant } from './instant.js'
import type { FieldPath, JsonValue } from './predicate.js'

/** What a filter compares with, as the data would hold it; for the fields that the store keeps, a value of their type. */
export function literal(path: FieldPath, value: unknown, at: string): JsonValue {
  if (path.of === 'data') return decodeJson(encodeJson(value, at)) as JsonValue
  switch (path.name) {
    case 'id':
      if (typeof value !== 'string') throw invalidField(at, 'must be a string')
      // JSONB and text columns cannot hold these, and no id has them: what names one is a mistake.
      if (/[\0\ud800-\udfff]/u.test(value)) throw invalidField(at, 'must not contain NUL or half a surrogate pair')
      return value
    case 'version':
    case 'textScore':
      if (typeof value !== 'number' || !Number.isFinite(value)) throw invalidField(at, 'must be a finite number')
      return value
    case 'createdAt':
    case 'updatedAt':
      return parseInstant(value, at)
  }
}
