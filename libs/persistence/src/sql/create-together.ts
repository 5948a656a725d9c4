import { createHash } from 'node:crypto'
import type { Creation, InsertRow, StreamKey, Written } from '../backend.js'
import type { PreparedText } from './document-statements.js'
import type { SqlConnection } from './driver.js'
import { escapeForJsonb } from './json-text.js'
import { collectionTable, logTables } from './names.js'
import { textArray } from './parameters.js'

/** Makes streams and inserts the documents of those that were not there, as one statement: which fails whole, with UNIQUE_VIOLATION, if one
 *  of the ids is taken.
 *  @param collections of the rows of each creation, in their order
 *  @returns for each creation what was written; `undefined`: its stream is there already */
export async function createTogether(
  connection: SqlConnection,
  log: string,
  collections: readonly string[],
  creations: readonly Creation[],
): Promise<(Written[] | undefined)[]> {
  // In an order that all processes share, so that none waits for another that waits for it.
  const sorted = [...creations].sort((a, b) => compareStreams(a.stream, b.stream))
  const rows = await connection.query({
    ...statementOf(log, collections),
    values: [
      textArray(sorted.map(({ stream }) => stream.tenant)),
      textArray(sorted.map(({ stream }) => stream.stream)),
      ...collections.flatMap((_, index) => {
        const row = ({ rows: all }: Creation) => all[index] as InsertRow
        return [
          textArray(sorted.map((creation) => row(creation).id)),
          textArray(sorted.map((creation) => escapeForJsonb(row(creation).json))),
        ]
      }),
    ],
  })
  const made = new Map(rows.map(([tenant, stream, at]) => [`${String(tenant)}\0${String(stream)}`, Number(at)]))
  return creations.map(({ stream, rows: all }) => {
    const at = made.get(`${stream.tenant}\0${stream.stream}`)
    return at === undefined ? undefined : all.map(({ id }) => ({ id, version: 1, createdAt: at, updatedAt: at }))
  })
}

/** A program creates few kinds of things. */
const known = new Map<string, PreparedText>()

function statementOf(log: string, collections: readonly string[]): PreparedText {
  const kind = [log, ...collections].join()
  const statement = known.get(kind) ?? makeStatement(log, collections)
  known.set(kind, statement)
  return statement
}

/** tenants, streams, then ids and datas for each collection → tenant, stream, now; no row for a stream that was there */
function makeStatement(log: string, collections: readonly string[]): PreparedText {
  const { streams } = logTables(log)
  const inserts = collections.map((collection, index) => {
    const [ids, datas] = [`$${3 + 2 * index}`, `$${4 + 2 * index}`]
    return `insert into ${collectionTable(collection)} (tenant, id, version, created_at, updated_at, data)
      select s.tenant, u.id, 1, now(), now(), u.data::jsonb
      from s join unnest($1::text[], $2::text[], ${ids}::text[], ${datas}::text[]) as u(tenant, stream, id, data)
        on u.tenant = s.tenant and u.stream = s.stream`
  })
  // A name may have 63 bytes.
  const digest = createHash('sha256')
    .update([log, ...collections].join())
    .digest('base64url')
    .slice(0, 24)
  return {
    name: `create-together:${digest}`,
    text: `with s as (
      insert into ${streams} (tenant, stream, head)
      select u.tenant, u.stream, 0 from unnest($1::text[], $2::text[]) as u(tenant, stream)
      on conflict do nothing returning tenant, stream),
    ${inserts.map((insert, index) => `d${index} as (${insert})`).join(',\n    ')}
    select s.tenant, s.stream, now()::timestamptz(3) from s`,
  }
}

function compareStreams(a: StreamKey, b: StreamKey): number {
  if (a.tenant !== b.tenant) return a.tenant < b.tenant ? -1 : 1
  return a.stream < b.stream ? -1 : Number(a.stream > b.stream)
}
