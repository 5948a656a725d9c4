import type { PreparedText } from './document-statements.js'
import { logTables } from './names.js'
import { unsized } from './parameters.js'

export interface AppendStatements {
  /** tenant, stream, key or NULL, data, expected next number or NULL → seq, at, whether it is held; no row: see `standing`. Makes the stream. */
  readonly one: PreparedText
  /** The same for a stream that must be there. */
  readonly oneToExisting: PreparedText
  /** Of groups, in the order of their streams: tenants, streams, counts, expected next numbers or 0, must be there;
   *  of entries: number of the group from 1, place in it from 1, keys, datas → number of the group, last number before it, at, whether it is held.
   *  No row for a group: see `standing`. */
  readonly many: PreparedText
}

export interface LogStatements {
  /** Leaves branches alone, and so need not look for the keys that they share: as a lone statement 277 µs against 302 µs, with the raw
   *  form of the same at 272 µs. */
  readonly append: AppendStatements
  readonly appendToAny: AppendStatements
  /** tenants, streams, keys, datas, in the order of their streams → tenant, stream, last number before it, at, whether it is held; no row: see
   *  `standing`. One entry for each stream, of which none is a branch and none has an expected number. Embedded, for 11 entries:
   *  0.74 ms of CPU against 0.93 ms by `append.many`. */
  readonly appendSingles: PreparedText
  /** The same for streams that must be there. */
  readonly appendSinglesToExisting: PreparedText
  /** tenants, streams → place in the input from 1, head, first, at, removed, whether it is a branch; no row: there is no such stream. */
  readonly standing: PreparedText
  /** tenants, streams, keys, datas → place in the input from 1, seq, at, data, whether it is the same data */
  readonly stored: PreparedText
  /** tenant, stream, after, before, limit → base or NULL, seq, key, at, data: seq is NULL if there is none. Entries that a
   *  branch shares are not among them. No row: there is no such stream. */
  readonly read: PreparedText
  readonly readReverse: PreparedText
  /** tenant, stream, after, before, limit → seq, key, at, data: the same for a branch, with all that it shares. */
  readonly readBranch: string
  readonly readBranchReverse: string
  /** tenant, stream → a row if it was made */
  readonly create: PreparedText
  /** tenant, stream, seq, data, whether to forget → key, at */
  readonly amend: PreparedText
}

/** The statements of every day on a log. What is rare is not kept prepared, so that its plan always fits the size of the tables:
 *  see log-branches.ts and log-sweep.ts. */
export function logStatements(log: string): LogStatements {
  const { entries, streams } = logTables(log)
  const prepared = (operation: string, text: string): PreparedText => ({ name: `${operation}:${log}`, text })
  const reading = (operation: string, text: string): PreparedText => ({ ...prepared(operation, text), readOnly: true })
  return {
    append: appendStatements(log, 'append', () => 's.parent is null'),
    appendSingles: prepared('append-singles', singlesText(streams, entries, '')),
    appendSinglesToExisting: prepared(
      'append-singles-existing',
      singlesText(
        streams,
        entries,
        `where (select true from ${streams} x where x.tenant = u.tenant and x.stream = u.stream)`,
      ),
    ),
    appendToAny: appendStatements(
      log,
      'append-any',
      (keyIsShared) => `case when s.parent is null then true else not exists (${keyIsShared}) end`,
    ),
    standing: reading(
      'heads',
      `select u.place, s.head, s.first, s.at, s.removed_at is not null, s.parent is not null
       from unnest(${unsized('$1::text[]')}, $2::text[]) with ordinality as u(tenant, stream, place)
       cross join lateral (
         select * from ${streams} x where x.tenant = u.tenant and x.stream = u.stream offset 0) s`,
    ),
    // Keys of the stream's own entries answer as long as the entries are kept, those that a branch inherits while in its sight.
    stored: reading(
      'keys',
      `with recursive u as materialized (
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
           with ordinality as u(tenant, stream, key, data, place)),
       chain(tenant, stream, place, low, high, parent, base) as (
         select s.tenant, s.stream, u.place, s.first, s.head, s.parent, s.base
         from u cross join lateral (
           select * from ${streams} x where x.tenant = u.tenant and x.stream = u.stream offset 0) s
         where s.removed_at is null
         union all
         select c.tenant, p.stream, c.place, c.low, least(c.high, c.base), p.parent, p.base
         from chain c cross join lateral (
           select * from ${streams} x where x.tenant = c.tenant and x.stream = c.parent offset 0) p)
       select c.place, e.seq, e.at, e.data,
         case when e.digest is null then e.data = u.data::jsonb
              when e.digest = ''::bytea then true
              else e.digest = sha256(convert_to(u.data::jsonb::text, 'UTF8')) end
       from chain c join u on u.place = c.place cross join lateral (
         select * from ${entries} x where x.tenant = c.tenant and x.stream = c.stream and x.key = u.key offset 0) e
       where e.seq <= c.high and (c.stream = u.stream or e.seq >= c.low)`,
    ),
    read: reading('read', readText(streams, entries, false)),
    readReverse: reading('read-reverse', readText(streams, entries, true)),
    readBranch: readBranchText(streams, entries, false),
    readBranchReverse: readBranchText(streams, entries, true),
    create: prepared(
      'create',
      `insert into ${streams} (tenant, stream, head) values ($1, $2, 0) on conflict do nothing returning true`,
    ),
    amend: prepared(
      'amend',
      `update ${entries} e
       set data = $4::text::jsonb, digest = case when $5::boolean then ''::bytea
         else coalesce(e.digest, sha256(convert_to(e.data::text, 'UTF8'))) end
       from ${streams} s
       where e.tenant = $1 and e.stream = $2 and e.seq = $3
         and s.tenant = $1 and s.stream = $2 and s.removed_at is null and s.first <= e.seq
       returning e.key, e.at`,
    ),
  }
}

/** The clock is read after the row was locked, and never goes back within a stream. */
const raised = 'head = s.head + 1, at = greatest(s.at, clock_timestamp())'

/** NULL: never. */
const held = 'held_until > clock_timestamp() as held'

/** @param condition on the stream `s`, given a query that has rows if one of the new keys is among the entries that `s` shares */
function appendStatements(log: string, name: string, condition: (keyIsShared: string) => string): AppendStatements {
  const { entries, streams } = logTables(log)
  const prepared = (operation: string, text: string): PreparedText => ({ name: `${operation}:${log}`, text })
  const insertOne = `insert into ${entries} (tenant, stream, seq, key, at, data)
    select $1, $2, h.head, $3, h.at, $4::text::jsonb from h returning seq, at, (select held from h)`
  const allowed = `s.removed_at is null and ($5::bigint is null or s.head + 1 = $5)
    and ${condition(`select where $3::text is not null and exists (${inheritedKey(streams, entries, '$3')})`)}`
  return {
    one: prepared(
      name,
      `with h as (
         insert into ${streams} as s (tenant, stream, head, at) values ($1, $2, 1, clock_timestamp())
         on conflict (tenant, stream) do update set ${raised} where ${allowed} returning head, at, ${held})
       ${insertOne}`,
    ),
    oneToExisting: prepared(
      `${name}-existing`,
      `with h as (
         update ${streams} as s set ${raised} where s.tenant = $1 and s.stream = $2 and ${allowed} returning head, at, ${held})
       ${insertOne}`,
    ),
    // The expected number travels as the proposed row's `first`, the only way for a group's condition into ON CONFLICT. A row
    // that is really inserted has 0 or 1 there, which mean the same: callers set `must_exist` for any higher expectation.
    // ON CONFLICT finds rows by the primary key under any plan, in the order of the input: all batches lock in one order.
    // Measured at 64 groups of one entry, per entry: 25 µs; as UPDATE … FROM and INSERT 26 µs; one statement each 130 µs.
    many: prepared(
      `${name}s`,
      `with g as materialized (
         select * from unnest(${unsized('$1::text[]')}, $2::text[], $3::bigint[], $4::bigint[], $5::boolean[])
           with ordinality as g(tenant, stream, count, expected, must_exist, number)),
       h as (
         insert into ${streams} as s (tenant, stream, head, first, at)
         select g.tenant, g.stream, g.count, g.expected, clock_timestamp() from g
         where not g.must_exist or (select true from ${streams} x where x.tenant = g.tenant and x.stream = g.stream)
         order by g.number
         on conflict (tenant, stream) do update
         set head = s.head + excluded.head, at = greatest(s.at, clock_timestamp())
         where s.removed_at is null and excluded.first in (0, s.head + 1)
           and ${condition(`select from g join unnest($6::bigint[], $8::text[]) as u(number, key) on u.number = g.number
             where g.tenant = s.tenant and g.stream = s.stream and u.key is not null
               and exists (${inheritedKey(streams, entries, 'u.key')})`)}
         returning tenant, stream, head, at, ${held}),
       n as materialized (
         select g.number, g.tenant, g.stream, h.head - g.count as before, h.at, h.held
         from g join h on h.tenant = g.tenant and h.stream = g.stream),
       e as (
         insert into ${entries} (tenant, stream, seq, key, at, data)
         select n.tenant, n.stream, n.before + u.place, u.key, n.at, u.data::jsonb
         from unnest(${unsized('$6::bigint[]')}, $7::bigint[], $8::text[], $9::text[]) as u(number, place, key, data)
         join n on n.number = u.number)
       select number, before, at, held from n`,
    ),
  }
}

/** Streams are locked in the order of the input, since nothing but a filter stands between it and them. With a sort, the input materialized and
 *  the place in it instead of names in the answer it takes 1.1 times as much CPU embedded.
 *  @param where keeps what may be appended of the input `u`. As a condition of each row and not as a join: the plan of a join, made while the
 *  table was small and kept from then on, read all streams for each batch (1,500 streams: 0.64 of 0.87 ms). */
function singlesText(streams: string, entries: string, where: string): string {
  return `with h as (
      insert into ${streams} as s (tenant, stream, head, at)
      select u.tenant, u.stream, 1, clock_timestamp()
      from unnest(${unsized('$1::text[]')}, $2::text[]) as u(tenant, stream) ${where}
      on conflict (tenant, stream) do update set ${raised} where s.removed_at is null and s.parent is null
      returning tenant, stream, head, at, ${held}),
    e as (
      insert into ${entries} (tenant, stream, seq, key, at, data)
      select h.tenant, h.stream, h.head, u.key, h.at, u.data::jsonb
      from h join unnest(${unsized('$1::text[]')}, $2::text[], $3::text[], $4::text[]) as u(tenant, stream, key, data)
        on u.tenant = h.tenant and u.stream = h.stream)
    select tenant, stream, head - 1, at, held from h`
}

/** Finds a key among the entries that the branch `s` shares. */
function inheritedKey(streams: string, entries: string, key: string): string {
  return `with recursive past(stream, high) as (
      select s.parent, s.base
      union all
      select p.parent, least(past.high, p.base)
      from past join ${streams} p on p.tenant = s.tenant and p.stream = past.stream where p.parent is not null)
    select from past join ${entries} x on x.tenant = s.tenant and x.stream = past.stream and x.key = ${key}
    where x.seq <= past.high and x.seq >= s.first`
}

/** Forward, a branch's own entries are left out when those that it shares come first. */
function readText(streams: string, entries: string, reverse: boolean): string {
  const order = reverse ? 'desc' : 'asc'
  return `select s.base, e.seq, e.key, e.at, e.data
    from ${streams} s left join lateral (
      select x.seq, x.key, x.at, x.data from ${entries} x
      where x.tenant = $1 and x.stream = $2 and x.seq > greatest($3::bigint, s.first - 1) and x.seq < $4
        ${reverse ? '' : 'and (s.base is null or s.base <= $3)'}
      order by x.seq ${order} limit $5) e on true
    where s.tenant = $1 and s.stream = $2 and s.removed_at is null
    order by e.seq ${order}`
}

/** Up the chain of parents as far as the range goes. Each stream of the chain contributes the part that it owns. */
function readBranchText(streams: string, entries: string, reverse: boolean): string {
  const order = reverse ? 'desc' : 'asc'
  return `with recursive chain(stream, parent, base, low, high) as (
      select s.stream, s.parent, coalesce(s.base, 0), greatest($3::bigint, s.first - 1), $4::bigint - 1
      from ${streams} s where s.tenant = $1 and s.stream = $2 and s.removed_at is null
      union all
      select p.stream, p.parent, coalesce(p.base, 0), c.low, least(c.high, c.base)
      from chain c join ${streams} p on p.tenant = $1 and p.stream = c.parent
      where c.base > c.low)
    select e.seq, e.key, e.at, e.data
    from chain c cross join lateral (
      select x.seq, x.key, x.at, x.data from ${entries} x
      where x.tenant = $1 and x.stream = c.stream and x.seq > greatest(c.low, c.base) and x.seq <= c.high
      order by x.seq ${order} limit $5) e
    order by e.seq ${order} limit $5`
}
