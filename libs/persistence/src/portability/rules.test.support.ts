/** What servers other than PostgreSQL do not take, as patterns over a statement without its string constants and comments. */
export interface PortabilityRule {
  readonly name: string
  readonly servers: readonly ('CockroachDB' | 'YugabyteDB' | 'Citus')[]
  readonly source: string
  readonly forbids: RegExp
}

const cockroach = 'https://www.cockroachlabs.com/docs/stable/postgresql-compatibility'
const yugabyte = 'https://docs.yugabyte.com/stable/develop/postgresql-compatibility'
const yugabyteFeatures = 'https://docs.yugabyte.com/stable/explore/ysql-language-features/postgresql-compatibility'
const citus = 'https://docs.citusdata.com/en/stable/develop/reference_workarounds.html'
const all = ['CockroachDB', 'YugabyteDB', 'Citus'] as const

/** The guide docs/guides/distributed.md shows this list. */
export const portabilityRules: readonly PortabilityRule[] = [
  {
    name: 'listen',
    servers: ['CockroachDB', 'YugabyteDB'],
    source: yugabyteFeatures,
    forbids: /\b(?:un)?listen\b|\bnotify\b|\bpg_notify\b/,
  },
  { name: 'advisory lock', servers: ['CockroachDB'], source: cockroach, forbids: /\bpg_(?:try_)?advisory/ },
  {
    name: 'lock table',
    servers: ['CockroachDB', 'YugabyteDB'],
    source: yugabyteFeatures,
    forbids: /^\s*lock\s+(?:table\b)?/,
  },
  { name: 'jsonb_path_ops', servers: ['CockroachDB'], source: cockroach, forbids: /\bjsonb_path_ops\b/ },
  {
    name: 'json path',
    servers: ['CockroachDB'],
    source: cockroach,
    forbids: /\bjsonb_path_\w+\s*\(|@\?|@@\s*\$?jsonpath/,
  },
  { name: 'row address', servers: all, source: cockroach, forbids: /\bctid\b|\bxmin\b|\bxmax\b|\btableoid\b/ },
  {
    name: 'snapshot functions',
    servers: ['CockroachDB', 'YugabyteDB'],
    source: cockroach,
    forbids: /\bpg_(?:current_snapshot|snapshot_\w+|export_snapshot|current_xact_id\w*)\b|\btxid_/,
  },
  {
    name: 'procedure',
    servers: ['Citus'],
    source: citus,
    forbids: /\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure|trigger|rule)\b|^\s*do\s/,
  },
  {
    name: 'exclusion constraint',
    servers: ['CockroachDB', 'YugabyteDB'],
    source: yugabyteFeatures,
    forbids: /\bexclude\s+using\b/,
  },
  {
    name: 'deferrable constraint',
    servers: ['CockroachDB', 'YugabyteDB'],
    source: yugabyteFeatures,
    forbids: /\bdeferrable\b/,
  },
  {
    name: 'stored generated column',
    servers: ['YugabyteDB'],
    source: yugabyteFeatures,
    forbids: /\bgenerated\s+always\s+as\b/,
  },
  { name: 'inheritance', servers: ['CockroachDB', 'YugabyteDB'], source: yugabyteFeatures, forbids: /\binherits\s*\(/ },
  {
    name: 'gist',
    servers: ['CockroachDB', 'YugabyteDB'],
    source: yugabyteFeatures,
    forbids: /\busing\s+(?:gist|spgist|brin)\b/,
  },
  {
    name: 'storage of a column',
    servers: ['CockroachDB', 'YugabyteDB'],
    source: cockroach,
    forbids: /\bset\s+storage\b/,
  },
  {
    name: 'several columns under GIN',
    servers: ['YugabyteDB'],
    source: yugabyteFeatures,
    forbids: /\busing\s+gin\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*,/,
  },
  {
    name: 'rows locked across shards',
    servers: ['Citus'],
    source: citus,
    forbids: /\bfor\s+(?:no\s+key\s+)?(?:update|share)\b/,
  },
  {
    name: 'volatile function in an update',
    servers: ['Citus'],
    source: citus,
    forbids: /\bset\b[^;]*\b(?:clock_timestamp|random|nextval)\s*\(/,
  },
  { name: 'recursive query across shards', servers: ['Citus'], source: citus, forbids: /\bwith\s+recursive\b/ },
  {
    name: 'sequence',
    servers: ['CockroachDB', 'YugabyteDB', 'Citus'],
    source: cockroach,
    forbids: /\bcreate\s+sequence\b|\bnextval\s*\(|\b(?:big)?serial\b|\bas\s+identity\b/,
  },
  { name: 'concurrent index', servers: ['YugabyteDB'], source: yugabyte, forbids: /\bindex\s+concurrently\b/ },
  {
    name: 'server statistics',
    servers: ['CockroachDB', 'YugabyteDB'],
    source: cockroach,
    forbids:
      /\bpg_stat_\w+|\bpg_relation_size\b|\bpg_total_relation_size\b|\bpg_table_size\b|\bpg_current_wal|\bpg_last_wal/,
  },
  {
    name: 'full text',
    servers: ['CockroachDB'],
    source: cockroach,
    forbids: /\bto_tsvector\b|\bts_rank\w*\b|\b(?:websearch_)?to_tsquery\b/,
  },
]

/** A key that does not lead with the tenant cannot be kept unique by Citus, which distributes by it. */
export function keyWithoutTenant(statement: string): boolean {
  const text = bare(statement)
  if (!/^\s*create\b/.test(text) || !/\btenant\b/.test(text)) return false
  const keys = [...text.matchAll(/\bprimary\s+key\s*\(([^)]*)\)|\bcreate\s+unique\s+index\b[^(]*\(([^)]*)\)/g)]
  return keys.some(([, primary, unique]) => !/\btenant\b/.test(primary ?? unique ?? ''))
}

export function brokenRules(statement: string): PortabilityRule[] {
  const text = bare(statement)
  return portabilityRules.filter(({ forbids }) => forbids.test(text))
}

/** In lower case, without constants and comments. */
export function bare(statement: string): string {
  return statement
    .replaceAll(/--[^\n]*/g, ' ')
    .replaceAll(/'(?:[^']|'')*'/g, `''`)
    .toLowerCase()
}
