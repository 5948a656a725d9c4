import { mergeColumns } from '../columns-option.js'
import type { CollectionSpec, IndexDefinition } from '../backend.js'
import { commentSql, createIndexSql } from './indexes/index-sql.js'
import { collectionTable, dataColumn, quoteLiteral } from './names.js'
import { vectorsDdl } from './nearest.js'
import type { Schema } from './schema.js'

/** Table, columns and indexes of a collection. Those that are no longer declared stay: dropping is the operator's decision.
 *  @returns the columns and vectors that are declared and there */
export async function ensureCollection(
  schema: Schema,
  collection: string,
  { indexes, columns = [], vectors = [] }: CollectionSpec,
): Promise<Required<Pick<CollectionSpec, 'columns' | 'vectors'>>> {
  const known = schema.definition('collection', collection)
  const own = columns.length === 0 || !(await schema.hasGeneratedColumns()) ? [] : columns
  const compared = vectors.length === 0 || !(await schema.hasVectors()) ? [] : vectors
  const made = { columns: own, vectors: compared }
  if (indexes.length === 0 && own.length === 0 && compared.length === 0 && isOfThisLayout(known)) return made
  // A table that is new is empty: its indexes are made with it.
  const statements = (before: string | undefined) => [
    tableDdl(collection),
    ...(before === undefined || isOfThisLayout(before) ? [] : layoutDdl(collection)),
    ...(own.length === 0 ? [] : [columnsDdl(collection, own)]),
    ...(compared.length === 0 ? [] : [vectorsDdl(collection, compared)]),
    ...(before === undefined ? indexes : []).flatMap((index) => [
      createIndexSql(collection, index),
      commentSql(collection, index),
    ]),
  ]
  // Whoever declares none leaves those of others declared.
  const before = known === undefined ? { indexes: [] } : declarationIn(known)
  const allVectors = mergeColumns(before.vectors, compared)
  const declared = {
    layout,
    indexes: indexes.length > 0 ? indexes : before.indexes,
    columns: mergeColumns(before.columns, own),
    ...(allVectors === undefined ? {} : { vectors: allVectors }),
  }
  await schema.ensure('collection', collection, JSON.stringify(declared), statements)
  await schema.indexes.ensure(collection, indexes)
  return made
}

/** The declaration that a definition in `holdfast.relations` holds. */
export function declarationIn(definition: string): Pick<CollectionSpec, 'indexes' | 'columns' | 'vectors'> {
  const parsed: unknown = JSON.parse(definition)
  // Of the first layout, which had nothing but the indexes.
  if (Array.isArray(parsed)) return { indexes: parsed as IndexDefinition[] }
  const { indexes, columns, vectors } = parsed as Pick<CollectionSpec, 'indexes' | 'columns' | 'vectors'>
  return { indexes, ...(columns === undefined ? {} : { columns }), ...(vectors === undefined ? {} : { vectors }) }
}

/** The server computes them, so that programs that do not declare them keep them in step too. It rewrites a table with documents, which
 *  everybody waits for: decision 0026. */
function columnsDdl(collection: string, columns: readonly string[]): string {
  const added = columns.map(
    (field) =>
      `if not exists ${dataColumn(field)} jsonb generated always as (data -> ${quoteLiteral(field)}::text) stored`,
  )
  return `alter table ${collectionTable(collection)} add column ${added.join(', add column ')}`
}

/** Counts the changes of the columns below; part of the definition, so that tables of an earlier layout are brought up to date. */
const layout = 2

function isOfThisLayout(definition: string | undefined): boolean {
  return definition?.startsWith(`{"layout":${layout},`) === true
}

/** What tables of an earlier layout have to be given. It rewrites no table, but locks it for a moment. */
function layoutDdl(collection: string): string[] {
  return [
    `alter table ${collectionTable(collection)}
      add column if not exists expires_at timestamptz(3),
      add column if not exists removed_at timestamptz(3),
      add column if not exists lease_until timestamptz(3),
      add column if not exists lease_token text collate "C",
      alter column data drop not null`,
  ]
}

/** `expires_at` and `removed_at` decide whether the row is a document, see visibility.ts; `data` is NULL in a purged tombstone only.
 *  `lease_until` and `lease_token` are those of a claim. Fill factor 90 leaves room for updates that touch no index to stay on their page (HOT). */
function tableDdl(collection: string): string {
  return `create table if not exists ${collectionTable(collection)} (
    tenant text collate "C" not null,
    id text collate "C" not null,
    version bigint not null,
    created_at timestamptz(3) not null,
    updated_at timestamptz(3) not null,
    data jsonb,
    expires_at timestamptz(3),
    removed_at timestamptz(3),
    lease_until timestamptz(3),
    lease_token text collate "C",
    primary key (tenant, id)
  ) with (fillfactor = 90)`
}
