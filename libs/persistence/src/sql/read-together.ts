import { createHash } from 'node:crypto'
import type { StoredDocument, StoredEntry, StreamHead, TogetherAnswers, TogetherReads } from '../backend.js'
import { storedDocument } from './documents.js'
import type { SqlConnection, SqlRow, SqlValue } from './driver.js'
import { logStatements } from './log-statements.js'
import { headOf, storedEntry } from './logs.js'
import { collectionTable, logTables } from './names.js'
import { visible } from './visibility.js'

/** All reads as one statement, so that they are of one moment and one round trip. The same kinds of reads of the same relations make the
 *  same text, which is prepared. Each part has the same columns: which part it is, two numbers, a key, three times, a truth value, data. */
export async function readTogether(connection: SqlConnection, reads: TogetherReads): Promise<TogetherAnswers> {
  const parts: string[] = []
  const values: SqlValue[] = []
  const add = (text: string, ...given: SqlValue[]): void => {
    const before = values.length
    values.push(...given)
    const renumbered = text.replace(/\$(\d+)/g, (_, place: string) => `$${Number(place) + before}`)
    parts.push(`select ${parts.length}::int4 as part, x.* from (${renumbered}) x`)
  }
  for (const { collection, key } of reads.documents) add(documentText(collection), key.tenant, key.id)
  for (const { log, stream } of reads.heads) add(headText(log), stream.tenant, stream.stream)
  for (const { log, range } of reads.entries) {
    const { tenant, stream, after = 0, before = Number.MAX_SAFE_INTEGER, limit, reverse } = range
    add(entriesText(log, reverse), tenant, stream, after, before, limit)
  }
  const holdsFrom = values.length
  if (reads.hold !== undefined) {
    const { log, hold } = reads.hold
    add(heldText(log), hold.tenant, hold.stream, hold.ms)
  }
  const union = parts.join(' union all ')
  const text = reads.hold === undefined ? union : holdText(reads.hold.log, holdsFrom, union)
  const name = `together:${createHash('sha256').update(text).digest('base64url').slice(0, 24)}`
  const rows = parts.length === 0 ? [] : await connection.query({ name, text, values, readOnly: true })
  const byPart = parts.map((): SqlRow[] => [])
  for (const [part, ...row] of rows) byPart[Number(part)]?.push(row)
  const isReverse = reads.entries.map(({ range }) => range.reverse)
  const heads = byPart.splice(reads.documents.length, reads.heads.length)
  const [held = []] = byPart.splice(reads.documents.length + reads.entries.length)
  const entries = byPart.splice(reads.documents.length)
  return {
    documents: byPart.map(([row], index) =>
      row === undefined ? undefined : documentOf(reads.documents[index]?.key.id ?? '', row),
    ),
    heads: heads.map(([row]) => (row === undefined ? nowhere : headFrom(row))),
    entries: entries.map((all, index) => all.map(entryOf).sort(bySeq(isReverse[index] === true))),
    isHeld: held[0]?.[6] === true,
  }
}

const nowhere: StreamHead = { next: 1, first: 1, exists: false, removed: false, at: 0 }

const nothing = { key: 'null::text', time: 'null::timestamptz', truth: 'null::boolean', number: 'null::bigint' }

function documentText(collection: string): string {
  return `select t.version as n1, ${nothing.number} as n2, ${nothing.key} as key, t.created_at as t1, t.updated_at as t2,
      t.expires_at as t3, ${nothing.truth} as b, t.data as data
    from ${collectionTable(collection)} t where t.tenant = $1 and t.id = $2 and ${visible('t')}`
}

function headText(log: string): string {
  return `select s.head as n1, s.first as n2, ${nothing.key} as key, s.at as t1, ${nothing.time} as t2, ${nothing.time} as t3,
      s.removed_at is not null as b, null::jsonb as data
    from ${logTables(log).streams} s where s.tenant = $1 and s.stream = $2`
}

function entriesText(log: string, reverse: boolean): string {
  const { readBranch, readBranchReverse } = logStatements(log)
  return `select e.seq as n1, ${nothing.number} as n2, e.key, e.at as t1, ${nothing.time} as t2, ${nothing.time} as t3,
      ${nothing.truth} as b, e.data from (${reverse ? readBranchReverse : readBranch}) e`
}

/** Among the parameters after `before`: tenant, stream, milliseconds → in `h` the head as it is once the row is locked, if there was something to write. */
function holdText(log: string, before: number, reads: string): string {
  const ms = `$${before + 3}::float8 * interval '1 millisecond'`
  return `with h as (
      update ${logTables(log).streams} s set held_until = clock_timestamp() + 4 * ${ms}
      where s.tenant = $${before + 1} and s.stream = $${before + 2} and s.removed_at is null
        and coalesce(s.held_until < clock_timestamp() + ${ms}, true)
      returning s.head)
    ${reads}`
}

/** Whether the hold covers all that this statement does not see: what was appended between its snapshot and its lock was not told of it. */
function heldText(log: string): string {
  return `select ${nothing.number} as n1, ${nothing.number} as n2, ${nothing.key} as key, ${nothing.time} as t1, ${nothing.time} as t2,
      ${nothing.time} as t3, coalesce(s.head = h.head, s.held_until >= clock_timestamp() + $3::float8 * interval '1 millisecond') as b,
      null::jsonb as data
    from ${logTables(log).streams} s left join h on true
    where s.tenant = $1 and s.stream = $2 and s.removed_at is null`
}

function documentOf(id: string, [n1, , , t1, t2, t3, , data]: SqlRow): StoredDocument {
  return storedDocument(id, [n1 ?? null, t1 ?? null, t2 ?? null, data ?? null, t3 ?? null])
}

function headFrom([n1, n2, , t1, , , b]: SqlRow): StreamHead {
  return headOf([null, n1 ?? null, n2 ?? null, t1 ?? null, b ?? null])
}

function entryOf([n1, , key, t1, , , , data]: SqlRow): StoredEntry {
  return storedEntry([n1 ?? null, key ?? null, t1 ?? null, data ?? null])
}

function bySeq(reverse: boolean): (a: StoredEntry, b: StoredEntry) => number {
  return reverse ? (a, b) => b.seq - a.seq : (a, b) => a.seq - b.seq
}
