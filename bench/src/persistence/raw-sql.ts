import type { DocumentStore } from '@holdfast/persistence'
import type pg from 'pg'
import { compareRates, type Report } from './report.js'
import { anySeededId, payload, type Payload } from './payload.js'

/** The store against hand-written SQL: the same server, tables, durability and number of connections, one named prepared
 *  statement a call, which is the best that a careful program does without gathering calls. */
export async function againstRawSql(store: DocumentStore, pool: pg.Pool, report: Report): Promise<void> {
  const raw = rawSql(pool)
  const documents = store.collection<Payload>('bench')
  const log = store.log<Payload>('bench')
  let n = 0
  // The tables of a log are made when it is first written, and the raw form writes into the same.
  await log.append('first', [{ data: payload(0) }])
  for (const concurrency of [1, 64]) {
    await compareRates(report, `put_c${concurrency}_vs_raw`, concurrency, {
      ours: () => documents.put(anySeededId(), payload((n += 1))),
      theirs: () => raw.put(anySeededId(), payload((n += 1))),
    })
    await compareRates(report, `get_c${concurrency}_vs_raw`, concurrency, {
      ours: () => documents.get(anySeededId()),
      theirs: () => raw.get(anySeededId()),
    })
    await compareRates(report, `append_c${concurrency}_vs_raw`, concurrency, {
      ours: (worker) => log.append(`ours-${worker}`, [{ key: `k${(n += 1)}`, data: payload(n) }]),
      theirs: (worker) => raw.append(`raw-${worker}`, `k${(n += 1)}`, payload(n)),
    })
  }
}

/** The best plain form of the three operations, on the store's own tables. */
function rawSql(pool: pg.Pool) {
  return {
    async put(id: string, data: Payload) {
      const { rows } = await pool.query({
        name: 'raw-put',
        text: `insert into holdfast."c_bench" as t (tenant, id, version, created_at, updated_at, data)
               values ($1, $2, 1, now(), now(), $3)
               on conflict (tenant, id) do update
               set version = t.version + 1, updated_at = excluded.updated_at, data = excluded.data
               returning version, created_at, updated_at`,
        values: ['default', id, JSON.stringify(data)],
      })
      return rows[0]
    },
    async get(id: string) {
      const { rows } = await pool.query({
        name: 'raw-get',
        text: `select id, version, created_at, updated_at, data from holdfast."c_bench" where tenant = $1 and id = $2`,
        values: ['default', id],
      })
      return rows[0]
    },
    async append(stream: string, key: string, data: Payload) {
      const { rows } = await pool.query({
        name: 'raw-append',
        text: `with s as (
                 insert into holdfast."s_bench" as s (tenant, stream, head, at) values ($1, $2, 1, clock_timestamp())
                 on conflict (tenant, stream) do update set head = s.head + 1, at = clock_timestamp()
                 returning head, at)
               insert into holdfast."l_bench" (tenant, stream, seq, key, at, data)
               select $1, $2, s.head, $3, s.at, $4 from s returning seq, at`,
        values: ['default', stream, key, JSON.stringify(data)],
      })
      return rows[0]
    },
  }
}
