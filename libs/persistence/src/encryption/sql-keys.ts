import type { SqlConnection, SqlRow } from '../sql/driver.js'
import type { KeyOperations, StoredKey } from './key-operations.js'

export class SqlKeys implements KeyOperations {
  readonly #connection: SqlConnection

  constructor(connection: SqlConnection) {
    this.#connection = connection
  }

  async list(tenant: string): Promise<StoredKey[]> {
    const rows = await this.#connection.query({
      text: 'select number, wrapped_by, wrapped from holdfast.tenant_keys where tenant = $1 order by number',
      values: [tenant],
      readOnly: true,
    })
    return rows.map(storedKey)
  }

  /** Key 0 comes first; whoever adds a later one holds its row, as whoever destroys the keys does first. */
  async add(tenant: string, { number, wrappedBy, wrapped }: StoredKey): Promise<boolean> {
    const rows = await this.#connection.query({
      text:
        number === 0
          ? `insert into holdfast.tenant_keys (tenant, number, wrapped_by, wrapped) values ($1, $2, $3, $4)
             on conflict (tenant, number) do nothing returning number`
          : `insert into holdfast.tenant_keys (tenant, number, wrapped_by, wrapped)
             select $1, $2, $3, $4 from (
               select 1 from holdfast.tenant_keys where tenant = $1 and number = 0 and wrapped <> '' for share
             ) as alive
             on conflict (tenant, number) do nothing returning number`,
      values: [tenant, number, wrappedBy, wrapped],
    })
    return rows.length > 0
  }

  async rewrap(tenant: string, before: StoredKey, after: StoredKey): Promise<boolean> {
    const rows = await this.#connection.query({
      text: `update holdfast.tenant_keys set wrapped_by = $4, wrapped = $5
             where tenant = $1 and number = $2 and wrapped = $3 returning number`,
      values: [tenant, before.number, before.wrapped, after.wrappedBy, after.wrapped],
    })
    return rows.length > 0
  }

  async destroy(tenant: string): Promise<number> {
    const live = (await this.list(tenant)).filter(({ wrapped }) => wrapped !== '')
    await this.#connection.query({
      text: `insert into holdfast.tenant_keys (tenant, number, wrapped_by, wrapped, destroyed_at) values ($1, 0, '', '', now())
             on conflict (tenant, number) do update set wrapped_by = '', wrapped = '', destroyed_at = now()`,
      values: [tenant],
    })
    await this.#connection.query({
      text: `update holdfast.tenant_keys set wrapped_by = '', wrapped = '', destroyed_at = now()
             where tenant = $1 and wrapped <> ''`,
      values: [tenant],
    })
    return live.length
  }

  async wrappedByOthers(masterKey: string, limit: number): Promise<{ tenant: string; key: StoredKey }[]> {
    const rows = await this.#connection.query({
      text: `select number, wrapped_by, wrapped, tenant from holdfast.tenant_keys
             where wrapped <> '' and wrapped_by <> $1 order by tenant, number limit $2`,
      values: [masterKey, limit],
      readOnly: true,
    })
    return rows.map((row) => ({ tenant: String(row[3]), key: storedKey(row) }))
  }
}

function storedKey([number, wrappedBy, wrapped]: SqlRow): StoredKey {
  return { number: Number(number), wrappedBy: String(wrappedBy), wrapped: String(wrapped) }
}
