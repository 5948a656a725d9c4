import type { PreparedText } from './document-statements.js'
import type { Recording, Statement } from './driver.js'
import { checkName, quoteIdentifier, quoteLiteral } from './names.js'

/** The tables of a feed: a row for what one statement changed in one tenant, and a sequence that positions come from. Beside them
 *  `holdfast.feeds` has a row for each tenant's feed, which every writer locks and none updates: see
 *  docs/decisions/0009-change-feed.md. A change's position is that of its row times `placesInRow`, and its place in the row from 1;
 *  the version of a deletion is negative. Rows of 64 changes cost a third of 64 rows. */
export function feedTable(collection: string): string {
  return `holdfast.${quoteIdentifier(`f_${checkName(collection, 'collection')}`)}`
}

export const placesInRow = 4096
const changesInRow = 4_000

function feedSequence(collection: string): string {
  return `holdfast.${quoteIdentifier(`f_${checkName(collection, 'collection')}_position`)}`
}

export function feedDdl(collection: string): string[] {
  return [
    `create sequence if not exists ${feedSequence(collection)}`,
    `create table if not exists ${feedTable(collection)} (
      tenant text collate "C" not null,
      position bigint not null,
      ids text[] not null,
      versions bigint[] not null,
      at timestamptz(3) not null,
      primary key (tenant, position)
    )`,
  ]
}

/** Makes of a writing statement one that records what it wrote in the same commit. The feed's row is locked after all documents,
 *  and tenants in their order, so that writers never wait for each other in a circle; positions are drawn while it is locked,
 *  which is until the commit, so that their order is the order of the commits. */
export function recordingText(text: string, { collection, op, keyed }: Recording): string {
  const version = op === 'delete' ? '-w.version' : 'w.version'
  return keyed === 'parameters'
    ? `with w as (${text}),
      k as (select $1::text as tenant from w),
      ${locked(collection)},
      e as (
        insert into ${feedTable(collection)} (tenant, position, ids, versions, at)
        select b.tenant, ${nextPosition(collection)}, array[$2::text], array[${version}], clock_timestamp()
        from w cross join b)
      select * from w`
    : `with w as (${text}),
      k as (select tenant from w group by tenant order by tenant),
      ${locked(collection)},
      e as (
        insert into ${feedTable(collection)} (tenant, position, ids, versions, at)
        select b.tenant, ${nextPosition(collection)}, r.ids, r.versions, clock_timestamp()
        from b join (
          select n.tenant, array_agg(n.id) as ids, array_agg(n.version) as versions
          from (
            select w.tenant, w.id, ${version} as version, (row_number() over (partition by w.tenant) - 1) / ${changesInRow} as part
            from w) n
          group by n.tenant, n.part) r on r.tenant = b.tenant)
      select * from w`
}

export interface FeedStatements {
  /** Of changes in their order: tenants, ids, versions, negative ones of deletions. The last statement of a transaction. */
  readonly append: PreparedText
  /** tenant, row and place after which, most changes, most rows → trimmed, row, place, id, version, at, number of the row from 1; the
   *  row is NULL if there is none. */
  readonly read: PreparedText
  /** tenants → place in the input from 1, last row, changes in it, trimmed */
  readonly heads: PreparedText
  /** last tenant seen, how many tenants → tenant: those that have a feed */
  readonly tenants: PreparedText
  /** tenant, age in milliseconds, most rows → trimmed: raises the mark below which nothing is read any more */
  readonly mark: PreparedText
  /** tenant, most rows → how many rows below the mark were deleted, and how many changes */
  readonly sweep: PreparedText
}

export function feedStatements(collection: string): FeedStatements {
  const table = feedTable(collection)
  const named = quoteLiteral(collection)
  const prepared = (operation: string, text: string): PreparedText => ({ name: `${operation}:${collection}`, text })
  const reading = (operation: string, text: string): PreparedText => ({ ...prepared(operation, text), readOnly: true })
  return {
    append: prepared(
      'feed-append',
      `with w as materialized (
         select * from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as w(tenant, id, version, place)),
       k as (select tenant from w group by tenant order by tenant),
       ${locked(collection)}
       insert into ${table} (tenant, position, ids, versions, at)
       select r.tenant, ${nextPosition(collection)}, r.ids, r.versions, clock_timestamp()
       from (
         select w.tenant, array_agg(w.id order by w.place) as ids, array_agg(w.version order by w.place) as versions
         from b join w on w.tenant = b.tenant
         group by w.tenant, (w.place - 1) / ${changesInRow}
         order by w.tenant, min(w.place) offset 0) r`,
    ),
    read: reading(
      'feed-read',
      `select f.trimmed, e.position, e.place, e.id, e.version, e.at, e.number
       from (select coalesce(
         (select trimmed from holdfast.feeds where tenant = $1 and collection = ${named}), 0) as trimmed) f
       left join lateral (
         select x.position, u.place, u.id, u.version, x.at, x.number
         from (
           select p.*, row_number() over (order by p.position) as number
           from (
             select * from ${table}
             where tenant = $1 and position >= $2 and (position > $2 or cardinality(ids) > $3)
             order by position limit $5) p) x
         cross join lateral unnest(x.ids, x.versions) with ordinality as u(id, version, place)
         where x.position > $2 or u.place > $3
         order by x.position, u.place limit $4) e on true
       order by e.position, e.place`,
    ),
    heads: reading(
      'feed-heads',
      `select u.place, coalesce(e.position, 0), coalesce(e.count, 0), coalesce(f.trimmed, 0)
       from unnest($1::text[]) with ordinality as u(tenant, place)
       left join lateral (
         select x.position, cardinality(x.ids) as count from ${table} x where x.tenant = u.tenant order by x.position desc limit 1) e on true
       left join lateral (
         select x.trimmed from holdfast.feeds x where x.tenant = u.tenant and x.collection = ${named} offset 0) f on true`,
    ),
    tenants: reading(
      'feed-tenants',
      `select tenant from holdfast.feeds where collection = ${named} and tenant > $1 order by tenant limit $2`,
    ),
    mark: prepared(
      'feed-mark',
      `update holdfast.feeds f set trimmed = o.position
       from (select max(p.last) as position from (
         select position * ${placesInRow} + cardinality(ids) as last, at from ${table}
         where tenant = $1 order by position limit $3) p
         where p.at < now() - $2::bigint * interval '1 millisecond') o
       where f.tenant = $1 and f.collection = ${named} and f.trimmed < o.position
       returning f.trimmed`,
    ),
    sweep: prepared(
      'feed-sweep',
      `with d as (
         delete from ${table} where tenant = $1 and position in (
           select x.position, cardinality(x.ids) as count from ${table} x where x.tenant = $1 and x.position <= (
             select trimmed from holdfast.feeds where tenant = $1 and collection = ${named})
           order by x.position limit $2)
         returning 1)
       select count(*) from d`,
    ),
  }
}

/** Locks the rows of the feeds of the tenants in `k`, and makes those that are missing: `b` has the tenants whose row is this
 *  statement's alone until the commit. `for update` of a row that others only lock never conflicts with a serializable
 *  transaction, however old its snapshot; updating the row would. */
function locked(collection: string): string {
  const named = quoteLiteral(collection)
  return `l as (
      select s.tenant from k cross join lateral (
        select f.tenant from holdfast.feeds f where f.tenant = k.tenant and f.collection = ${named} for update) s),
    m as (
      insert into holdfast.feeds as f (tenant, collection)
      select k.tenant, ${named} from k where not exists (select from l where l.tenant = k.tenant)
      on conflict (tenant, collection) do update set trimmed = f.trimmed
      returning f.tenant),
    b as (select tenant from l union all select tenant from m)`
}

function nextPosition(collection: string): string {
  return `nextval(${quoteLiteral(feedSequence(collection))}::regclass)`
}

/** The statement to send in the place of one whose changes are recorded. */
export function recordingStatement(statement: Statement, text: string): Statement {
  const { name, values } = statement
  return { ...(name === undefined ? {} : { name: name.replace(':', '-fed:') }), text, values }
}
