import { invalidField } from '@holdfast/errors'
import type { CollectionOptions } from './contract/scope.js'

const maxVectors = 4

/** With its prefix within the 63 bytes that PostgreSQL leaves of a name. */
const fieldPattern = /^[a-z_][a-z0-9_-]{0,59}$/i

/** @throws INVALID_ARGUMENT naming the field at fault */
export function parseVectors({ vectors = [], encrypt }: Pick<CollectionOptions, 'vectors' | 'encrypt'>): string[] {
  if (!Array.isArray(vectors) || vectors.length > maxVectors) {
    throw invalidField('vectors', `must be an array of at most ${maxVectors} fields`)
  }
  const fields = Array.from(vectors as unknown[], (field, place) => {
    if (typeof field === 'string' && fieldPattern.test(field)) return field
    throw invalidField(`vectors[${place}]`, 'must be a field at the top of the data')
  })
  if (new Set(fields).size < fields.length) throw invalidField('vectors', 'names a field twice')
  if (encrypt !== undefined && encrypt !== false && fields.length > 0) {
    throw invalidField('vectors', 'is not possible in an encrypted collection')
  }
  return fields
}

/** As pgvector writes and reads them, `[1,-2.5,3e-4]`: at most 4,000 numbers. @throws INVALID_ARGUMENT */
export function checkVector(vector: unknown, field: string): string {
  if (typeof vector === 'string' && /^\[[-+.e\d]+(,[-+.e\d]+){0,3999}\]$/i.test(vector)) return vector
  throw invalidField(field, 'must be a vector as text: [1,-2.5,3e-4]')
}
