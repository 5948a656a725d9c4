import { createHash } from 'node:crypto'
import type { CollectionSpec, IndexDefinition } from '../backend.js'
import { dataField, literalPath } from './field-sql.js'
import { collectionTable, quoteIdentifier } from './names.js'
import type { Schema } from './schema.js'

/** Table and indexes of a collection. Indexes that are no longer declared stay: dropping is the operator's decision. */
export async function ensureCollection(schema: Schema, collection: string, { indexes }: CollectionSpec): Promise<void> {
  if (indexes.length === 0 && schema.knows('collection', collection)) return
  const statements = [tableDdl(collection), ...indexes.map((index) => indexDdl(collection, index))]
  const definition = JSON.stringify(indexes.map(({ on, unique }) => ({ on, unique })))
  await schema.ensure('collection', collection, definition, statements)
}

/** Fill factor 90 leaves room for updates that touch no index to stay on their page (HOT). */
function tableDdl(collection: string): string {
  return `create table if not exists ${collectionTable(collection)} (
    tenant text collate "C" not null,
    id text collate "C" not null,
    version bigint not null,
    created_at timestamptz(3) not null,
    updated_at timestamptz(3) not null,
    data jsonb not null,
    primary key (tenant, id)
  ) with (fillfactor = 90)`
}

function indexDdl(collection: string, { on, unique }: IndexDefinition): string {
  const expressions = on.flatMap((path) => {
    const { rank, number, text } = dataField(path, literalPath)
    return [rank, number, text].map(withoutAlias)
  })
  // A unique index must not hold the id; for sorting, the id at the end makes the order of the index the order of a find.
  const columns = ['tenant', ...expressions, ...(unique ? [] : ['id'])]
  const table = collectionTable(collection)
  return `create ${unique ? 'unique ' : ''}index if not exists ${quoteIdentifier(indexName(collection, on, unique))}
    on ${table} (${columns.join(', ')})`
}

/** Index expressions name columns without the query's alias. */
function withoutAlias(expression: string): string {
  return `(${expression.replaceAll('t.data', 'data')})`
}

function indexName(collection: string, on: IndexDefinition['on'], unique: boolean): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([on, unique]))
    .digest('hex')
  return `x_${collection.slice(0, 41)}_${digest.slice(0, 12)}`
}
