/** Whose server answers; all of them speak PostgreSQL's protocol. Citus is an extension of PostgreSQL and counts as it. */
export type ServerKind = 'postgresql' | 'cockroachdb' | 'yugabytedb'

/** @param version what `select version()` says: `PostgreSQL 18.4 on …`, `CockroachDB CCL v24.1.0 (…`, `PostgreSQL 11.2-YB-2.21.0.0-b0 on …` */
export function serverKindOf(version: string): ServerKind {
  if (version.startsWith('CockroachDB')) return 'cockroachdb'
  return version.includes('-YB-') ? 'yugabytedb' : 'postgresql'
}
