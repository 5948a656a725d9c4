import { createHash } from 'node:crypto'
import type { IndexDefinition } from '../../backend.js'
import { isArrayIndex } from '../../query/field-path.js'
import { dataField, literalPath } from '../field-sql.js'
import { collectionTable, quoteIdentifier, quoteLiteral } from '../names.js'
import { textVectorSql } from '../text-search.js'
import { arrayValuesSql } from './array-values.js'
import { partialSql } from './partial.js'

/** Whether the index is a b-tree: it serves equality, ranges and order, and is made of the triples of field-sql.ts. */
export function isOrdered({ text, array }: IndexDefinition): boolean {
  return text === undefined && array === undefined
}

/** `create index` for a declaration. Safe to repeat.
 *  @param concurrently writers go on meanwhile; not possible inside a transaction */
export function createIndexSql(collection: string, index: IndexDefinition, concurrently = false): string {
  const { on, unique, directions } = index
  const build = `create ${unique ? 'unique ' : ''}index ${concurrently ? 'concurrently ' : ''}if not exists
    ${quoteIdentifier(indexName(collection, index))} on ${collectionTable(collection)}`
  if (!isOrdered(index))
    return `${build} using gin ((array[tenant]), (${withoutAlias(elementsSql(index))}))${whereSql(index)}`
  const directed = on.flatMap((path, place) => {
    const { rank, number, text } = dataField(path, literalPath)
    const towards = directions?.[place] === -1 ? ' desc' : ''
    return [rank, number, text].map((expression) => `(${withoutAlias(expression)})${towards}`)
  })
  // For sorting, the id at the end makes the order of the index the order of a find. A unique index must not hold it, except that of a
  // tombstone, whose values are free for others.
  const id = unique ? `(case when removed_at is null then '' else id end)` : 'id'
  const towards = directions?.at(-1) === -1 ? ' desc' : ''
  return `${build} (${['tenant', ...directed, `${id}${towards}`].join(', ')})${whereSql(index)}`
}

/** Makes the declaration readable for whoever finds the index later. */
export function commentSql(collection: string, index: IndexDefinition): string {
  return `comment on index ${qualified(indexName(collection, index))} is ${quoteLiteral(JSON.stringify(index))}`
}

export function dropIndexSql(name: string, concurrently: boolean): string {
  return `drop index ${concurrently ? 'concurrently ' : ''}if exists ${qualified(name)}`
}

/** The same declaration has the same name in every process. Those that only say `on` and `unique` are named as they always were. */
export function indexName(collection: string, { on, unique, text, array, where, directions }: IndexDefinition): string {
  const more = { text, array, where, directions }
  const isPlain = Object.values(more).every((value) => value === undefined)
  // Whose expressions have changed since.
  const isDeep =
    text === undefined && array === undefined && on.some((path) => path.length > 1 && !path.some(isArrayIndex))
  const digest = createHash('sha256')
    .update(JSON.stringify([on, unique, ...(isPlain ? [] : [more]), ...(isDeep ? ['arrays on the way'] : [])]))
    .digest('hex')
  return `${indexPrefix(collection)}${digest.slice(0, 12)}`
}

/** With which the names of all declared indexes of a collection start. */
export function indexPrefix(collection: string): string {
  return `x_${collection.slice(0, 41)}_`
}

function qualified(name: string): string {
  return `holdfast.${quoteIdentifier(name)}`
}

function elementsSql({ on, text }: IndexDefinition): string {
  return text === undefined ? arrayValuesSql(on[0] ?? []) : textVectorSql(on, text.language)
}

function whereSql({ where }: IndexDefinition): string {
  return where === undefined ? '' : ` where ${partialSql(where, 'data')}`
}

/** Index expressions name columns without the query's alias. They hold no values, and paths have no dots. */
function withoutAlias(expression: string): string {
  return expression.replaceAll('t.data', 'data')
}
