import { invalidField } from '@holdfast/errors'
import { parseFieldPath } from './field-path.js'
import { membersOf } from './plain-object.js'
import type { SortKey } from './predicate.js'

/** What a database's index holds at most, and more than any listing needs. */
const maxKeys = 32

/** `{ 'a.b': 1, _createdAt: -1 }`; nothing: no keys, which means by id. */
export function parseSort(sort: unknown): SortKey[] {
  if (sort === undefined) return []
  const members = membersOf(sort, 'sort')
  if (members.length > maxKeys) throw invalidField('sort', `has more than ${maxKeys} keys`)
  return members.map(([name, direction]) => {
    const at = `sort.${name.length > 500 ? `${name.slice(0, 500)}…` : name}`
    if (direction !== 1 && direction !== -1) throw invalidField(at, 'must be 1 or -1')
    return { path: parseFieldPath(name, at), direction }
  })
}
