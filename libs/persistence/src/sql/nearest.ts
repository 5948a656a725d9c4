import type { NearestQuery } from '../document-operations.js'
import { filterAlternatives } from './alternatives.js'
import { impliedConditions } from './indexes/implied-conditions.js'
import { escapeText } from './json-text.js'
import { collectionTable, quoteLiteral, vectorColumn } from './names.js'
import { Parameters } from './parameters.js'
import { type Declared, pathTextFor } from './document-query.js'
import type { Statement } from './driver.js'
import { visible } from './visibility.js'

/** Rows: id, version, created, updated, data without the vector, expires, similarity. Exact: the rows that match are compared one by one, found by an
 *  index on what the filter names. */
export function nearestStatement(collection: string, declared: Declared, query: NearestQuery): Statement {
  const { indexes } = declared
  const parameters = new Parameters()
  const column = `t.${vectorColumn(query.field)}`
  const pathText = pathTextFor(declared, parameters)
  const table = collectionTable(collection)
  const conditions = [
    `t.tenant = ${parameters.text(query.tenant)}`,
    visible('t'),
    `${column} is not null`,
    ...impliedConditions(indexes, query.where, query.tenant, parameters),
  ].join(' and ')
  const distance = `${column} <=> ${parameters.add(query.to, 'halfvec')} as distance`
  // Each for itself, so that an index answers it alone: a row's data, which has the vector as text, lies apart and is not to be read for each.
  const selects = filterAlternatives(query.where, parameters, pathText, indexes).map(
    (alternative) => `select t.id, ${distance} from ${table} t where ${conditions} and ${alternative}`,
  )
  const data = `t.data - ${parameters.text(escapeText(query.field))}`
  const text = `select n.id, t.version, t.created_at, t.updated_at, ${data} as data, t.expires_at, 1 - n.distance
    from (select * from (${selects.join(' union all ')}) m
      order by m.distance, m.id limit ${parameters.add(query.limit, 'bigint')}) n
    join ${table} t on t.tenant = ${parameters.text(query.tenant)} and t.id = n.id
    order by n.distance, n.id`
  return { text, values: parameters.values, readOnly: true }
}

/** The server computes them, from the text in the data; pgvector's halfvec, two bytes for each number, of any number of dimensions. */
export function vectorsDdl(collection: string, fields: readonly string[]): string {
  const added = fields.map(
    (field) =>
      `if not exists ${vectorColumn(field)} halfvec generated always as ((data ->> ${quoteLiteral(field)}::text)::halfvec) stored`,
  )
  return `alter table ${collectionTable(collection)} add column ${added.join(', add column ')}`
}
