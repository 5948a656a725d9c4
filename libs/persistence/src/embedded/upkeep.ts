import type { SqlRow, Statement } from '../sql/driver.js'

/** What a PostgreSQL server does in the background and PGlite, which has one session and nothing beside it, does not:
 *  checkpoints (without them the write-ahead log grows for ever, and all of it is replayed after a crash: measured 300 MB
 *  after 12 updates of 20 MB) and vacuum and analyze (without them tables grow with every update and the planner knows
 *  nothing of them). */
export class Upkeep {
  readonly #query: (statement: Statement) => Promise<SqlRow[]>
  readonly #vacuumIntervalMs: number
  readonly #timer: NodeJS.Timeout
  #written = false
  #underWay: Promise<void> | undefined
  #lastVacuumAt = Number.NEGATIVE_INFINITY

  constructor(query: (statement: Statement) => Promise<SqlRow[]>, vacuumIntervalMs = 60_000) {
    this.#query = query
    this.#vacuumIntervalMs = vacuumIntervalMs
    this.#timer = setInterval(() => {
      // It comes again, and whatever keeps the database from it shows to the callers themselves.
      if (this.#written) void this.look().catch(() => {})
    }, intervalMs).unref()
  }

  /** Tells of a statement that may have written. */
  wrote(): void {
    this.#written = true
  }

  /** Looks what is due, and does it. */
  look(): Promise<void> {
    this.#underWay ??= this.#run().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#underWay?.catch(() => {})
  }

  async #run(): Promise<void> {
    this.#written = false
    const [log] = await this.#query({ name: 'holdfast_wal', text: walText, values: [], readOnly: true })
    if (Number(log?.[0]) > walBytes) await this.#query({ text: 'checkpoint', values: [] })
    if (performance.now() - this.#lastVacuumAt < this.#vacuumIntervalMs) {
      const grown = await this.#query({ name: 'holdfast_grown', text: grownText, values: [], readOnly: true })
      for (const [table] of grown) await this.#query({ text: `analyze ${String(table)}`, values: [] })
      return
    }
    this.#lastVacuumAt = performance.now()
    const due = { name: 'holdfast_vacuum', text: vacuumText, values: [], readOnly: true }
    for (const [table, vacuum] of await this.#query(due)) {
      await this.#query({ text: `${vacuum === true ? 'vacuum (analyze)' : 'analyze'} ${String(table)}`, values: [] })
    }
  }
}

const intervalMs = 2_000

/** Replayed after a crash in about a second. */
const walBytes = 64 * 1024 * 1024

const walText = `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn)::float8 from pg_control_checkpoint()`

/** Autovacuum's own thresholds: https://www.postgresql.org/docs/18/routine-vacuuming.html#AUTOVACUUM */
const vacuumText = `select format('%I.%I', s.schemaname, s.relname),
  s.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0) or age(c.relfrozenxid) > 200000000
from pg_stat_all_tables s join pg_class c on c.oid = s.relid
where c.relkind in ('r', 't') and s.schemaname <> 'pg_toast' and (
  s.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0)
  or s.n_mod_since_analyze > 50 + 0.1 * greatest(c.reltuples, 0)
  or age(c.relfrozenxid) > 200000000)`

/** Tables that are more than twice what they were when they were last looked at. Plans that were made for a small table, and are kept, read
 *  all of it: with 24,000 documents a put by version took 22 ms in place of 0.7. */
const grownText = `select format('%I.%I', s.schemaname, s.relname)
from pg_stat_user_tables s join pg_class c on c.oid = s.relid
where c.relkind = 'r' and s.n_mod_since_analyze > 500 + greatest(c.reltuples, 0)`
