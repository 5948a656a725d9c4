import type { OutcomeOperations } from '../backend.js'
import type { SqlConnection } from './driver.js'

/** The results of transactions with a key, in `holdfast.transactions`. */
export class SqlOutcomes implements OutcomeOperations {
  readonly #connection: SqlConnection

  constructor(connection: SqlConnection) {
    this.#connection = connection
  }

  on(connection: SqlConnection): SqlOutcomes {
    return new SqlOutcomes(connection)
  }

  async find(tenant: string, key: string): Promise<{ readonly json: string | undefined } | undefined> {
    const [row] = await this.#connection.query({
      name: 'outcome_find',
      text: 'select result from holdfast.transactions where tenant = $1 and key = $2',
      values: [tenant, key],
      readOnly: true,
    })
    if (row === undefined) return undefined
    return { json: typeof row[0] === 'string' ? row[0] : undefined }
  }

  async record(tenant: string, key: string, json: string | undefined): Promise<void> {
    await this.#connection.query({
      name: 'outcome_record',
      text: `insert into holdfast.transactions (tenant, key, result, at) values ($1, $2, $3, now())
             on conflict (tenant, key) do update set result = excluded.result`,
      values: [tenant, key, json ?? null],
    })
  }

  async sweep(olderThanMs: number, limit: number): Promise<number> {
    const rows = await this.#connection.query({
      name: 'outcome_sweep',
      text: `delete from holdfast.transactions t using (
               select tenant, key from holdfast.transactions
               where at < now() - $1::float8 * interval '1 millisecond' order by at limit $2::bigint
             ) old where t.tenant = old.tenant and t.key = old.key returning 1`,
      values: [olderThanMs, limit],
    })
    return rows.length
  }

  async erase(tenant: string): Promise<number> {
    const [row] = await this.#connection.query({
      name: 'outcome_erase',
      text: `with gone as (delete from holdfast.transactions where tenant = $1 returning 1) select count(*) from gone`,
      values: [tenant],
    })
    return Number(row?.[0] ?? 0)
  }
}
