import { invalidField } from '@holdfast/errors'
import type { CollectionOptions } from './contract/scope.js'

const maxColumns = 32

/** With its prefix within the 63 bytes that PostgreSQL leaves of a name. */
const fieldPattern = /^[a-z_][a-z0-9_-]{0,59}$/i

/** @throws INVALID_ARGUMENT naming the column at fault */
export function parseColumns({ columns = [], encrypt }: Pick<CollectionOptions, 'columns' | 'encrypt'>): string[] {
  if (!Array.isArray(columns)) throw invalidField('columns', 'must be an array of fields')
  if (columns.length > maxColumns) throw invalidField('columns', `must name at most ${maxColumns} fields`)
  const fields = Array.from(columns as unknown[], (field, place) => {
    if (typeof field === 'string' && fieldPattern.test(field)) return field
    throw invalidField(
      `columns[${place}]`,
      'must be a field at the top of the data: 1 to 60 letters, digits, underscores and hyphens, not starting with a digit',
    )
  })
  if (new Set(fields).size < fields.length) throw invalidField('columns', 'names a field twice')
  const isEncrypted = encrypt !== undefined && encrypt !== false
  if (isEncrypted && fields.length > 0) throw invalidField('columns', 'is not possible in an encrypted collection')
  return fields
}

/** What either names; `before` itself if `added` brings nothing new. */
export function mergeColumns(
  before: readonly string[] | undefined,
  added: readonly string[] | undefined = [],
): readonly string[] | undefined {
  const isNew = added.some((field) => before?.includes(field) !== true)
  return isNew ? [...new Set([...(before ?? []), ...added])].sort() : before
}
