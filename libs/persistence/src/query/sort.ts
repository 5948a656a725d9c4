import { invalidField } from '@holdfast/errors'
import { parseFieldPath } from './field-path.js'
import { isPlainObject, membersOf } from './plain-object.js'
import type { SortKey } from './predicate.js'

/** What a database's index holds at most, and more than any listing needs. */
const maxKeys = 32

/** The best fit to `$text` first. */
export const byTextScore: SortKey = { path: { of: 'meta', name: 'textScore' }, direction: -1 }

/** `{ 'a.b': 1, _createdAt: -1, score: { $meta: 'textScore' } }`; nothing: no keys, which means by id. */
export function parseSort(sort: unknown, field = 'sort'): SortKey[] {
  if (sort === undefined) return []
  const members = membersOf(sort, field)
  if (members.length > maxKeys) throw invalidField(field, `has more than ${maxKeys} keys`)
  return members.map(([name, direction]) => {
    const at = `${field}.${name.length > 500 ? `${name.slice(0, 500)}…` : name}`
    if (isPlainObject(direction)) {
      const [meta, ...more] = membersOf(direction, at)
      if (meta?.[0] === '$meta' && meta[1] === 'textScore' && more.length === 0) return byTextScore
    }
    if (direction !== 1 && direction !== -1) throw invalidField(at, "must be 1, -1 or { $meta: 'textScore' }")
    return { path: parseFieldPath(name, at), direction }
  })
}
