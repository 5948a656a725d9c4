import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import pg from 'pg'
import type { BenchOptions, BenchReport } from './main.js'
import { compare, measure, median, quantile, rounded } from './rounds.js'

/** The store against hand-written SQL: the same server, tables, durability and number of connections, one named prepared
 *  statement a call, which is the best that a careful program does without gathering calls. */
export async function run({ long, report }: BenchOptions): Promise<BenchReport> {
  const rounds = long ? 15 : 5
  const ms = long ? 3000 : 1200
  const connections = 10
  const metrics: Record<string, number> = {}
  const notes: string[] = [
    `PostgreSQL: default durability (fsync, synchronous_commit on), ${connections} connections a side`,
  ]

  await using server = await startPostgres({ settings: { shared_buffers: '256MB' } })
  const url = await server.createDatabase()
  await using store = await openDocumentStore(url, { maxConnections: connections })
  const pool = new pg.Pool({ connectionString: url, max: connections })
  try {
    const raw = rawSql(pool)
    const documents = store.collection<Payload>('bench')
    const log = store.log<Payload>('bench')
    await seed(store)
    let n = 0
    const anyId = () => `doc-${Math.floor(Math.random() * seededDocuments)}`
    const against = async (
      name: string,
      concurrency: number,
      ours: (worker: number) => Promise<unknown>,
      theirs: (worker: number) => Promise<unknown>,
    ) => {
      const result = await compare(ours, theirs, { concurrency, rounds, ms })
      metrics[`${name}_vs_raw`] = rounded(result.ratio)
      metrics[`${name}_per_s`] = Math.round(result.subjectPerSecond)
      metrics[`${name}_raw_per_s`] = Math.round(result.baselinePerSecond)
      report(
        `${name}: ${Math.round(result.subjectPerSecond)}/s, raw ${Math.round(result.baselinePerSecond)}/s, ratio ${rounded(result.ratio)}`,
      )
    }

    for (const concurrency of [1, 64]) {
      await against(
        `put_c${concurrency}`,
        concurrency,
        () => documents.put(anyId(), payload((n += 1))),
        () => raw.put(anyId(), payload((n += 1))),
      )
      await against(
        `get_c${concurrency}`,
        concurrency,
        () => documents.get(anyId()),
        () => raw.get(anyId()),
      )
      await against(
        `append_c${concurrency}`,
        concurrency,
        (worker) => log.append(`ours-${worker}`, [{ key: `k${(n += 1)}`, data: payload(n) }]),
        (worker) => raw.append(`raw-${worker}`, `k${(n += 1)}`, payload(n)),
      )
    }

    metrics['append_flat_100k_vs_10'] = await flatness(store, rounds, report)
  } finally {
    await pool.end()
  }

  Object.assign(metrics, await embedded(rounds, ms, report))
  return { metrics, notes }
}

interface Payload {
  readonly n: number
  readonly role: string
  readonly text: string
  readonly tags: readonly string[]
}

const seededDocuments = 10_000

function payload(n: number): Payload {
  return {
    n,
    role: 'user',
    text: `I want to make a restaurant reservation for 2 people at half past 11 in the morning, please. ${'x'.repeat(300)}`,
    tags: ['dialogue', 'restaurants', String(n % 100)],
  }
}

async function seed(store: DocumentStore): Promise<void> {
  const documents = store.collection<Payload>('bench')
  const ids = Array.from({ length: seededDocuments }, (_, index) => `doc-${index}`)
  await Promise.all(ids.map((id, index) => documents.put(id, payload(index))))
  await store.log<Payload>('bench').append('warm', [{ data: payload(0) }])
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

/** p50 of a lone append to a stream of 100,000 entries over p50 to one of 10, in alternation. */
async function flatness(store: DocumentStore, rounds: number, report: (line: string) => void): Promise<number> {
  const log = store.log<Payload>('bench')
  const entries = (count: number) => Array.from({ length: count }, (_, index) => ({ data: payload(index) }))
  for (let done = 0; done < 100_000; done += 1000) await log.append('long', entries(1000))
  const ratios: number[] = []
  let fresh = 0
  for (let round = 0; round < rounds * 2; round += 1) {
    const long = await measure(() => log.append('long', [{ data: payload(round) }]), 1, 400)
    // A stream of 10 that has grown by a few hundred is no longer one of 10: change it after every 10 appends.
    let left = 0
    const short = await measure(
      async () => {
        if (left === 0) {
          fresh += 1
          left = 10
        }
        left -= 1
        await log.append(`short-${fresh}`, [{ data: payload(round) }])
      },
      1,
      400,
    )
    ratios.push(quantile(long.latencies, 0.5) / quantile(short.latencies, 0.5))
  }
  const ratio = rounded(median(ratios))
  report(`append_flat_100k_vs_10: ${ratio}`)
  return ratio
}

async function embedded(
  rounds: number,
  ms: number,
  report: (line: string) => void,
): Promise<Readonly<Record<string, number>>> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  try {
    await using store = await openDocumentStore(`embedded:${join(folder, 'ours')}`)
    await using raw = await PGlite.create(join(folder, 'raw'))
    await raw.exec(`create table c_bench (tenant text collate "C", id text collate "C", version bigint not null,
      created_at timestamptz(3) not null, updated_at timestamptz(3) not null, data jsonb not null, primary key (tenant, id))
      with (fillfactor = 90)`)
    const documents = store.collection<Payload>('bench')
    let n = 0
    const anyId = () => `doc-${Math.floor(Math.random() * seededDocuments)}`
    const result = await compare(
      () => documents.put(anyId(), payload((n += 1))),
      () =>
        raw.query(
          `insert into c_bench as t values ($1, $2, 1, now(), now(), $3) on conflict (tenant, id) do update
           set version = t.version + 1, updated_at = excluded.updated_at, data = excluded.data
           returning version, created_at, updated_at`,
          ['default', anyId(), payload((n += 1))],
        ),
      { concurrency: 64, rounds, ms },
    )
    report(
      `embedded_put_c64: ${Math.round(result.subjectPerSecond)}/s, raw ${Math.round(result.baselinePerSecond)}/s, ratio ${rounded(result.ratio)}`,
    )
    return {
      embedded_put_c64_vs_raw: rounded(result.ratio),
      embedded_put_c64_per_s: Math.round(result.subjectPerSecond),
      embedded_put_c64_raw_per_s: Math.round(result.baselinePerSecond),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
