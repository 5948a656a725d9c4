import { openDocumentStore } from '@holdfast/persistence'
import pg from 'pg'
import { measure, median, quantile, rounded } from '../rounds.js'
import { compareRates, type Report } from './report.js'

interface Ticket {
  readonly team: string
  readonly at: number
  readonly title: string
}

const documents = 1_000_000
const teams = 50_000
const pageSize = 100
const farPage = 1000

/** Finds by a declared index among a million documents, against hand-written SQL with the index that a careful programmer would
 *  make; and whether the thousandth page costs what the first does. */
export async function amongAMillion(url: string, long: boolean, report: Report): Promise<void> {
  await using store = await openDocumentStore(url)
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  try {
    const tickets = store.collection<Ticket>('million')
    await tickets.put('first', { team: 'none', at: 0, title: 'so that the table is there' })
    await pool.query(
      `insert into holdfast."c_million" (tenant, id, version, created_at, updated_at, data)
       select 'default', 'ticket-' || lpad(n::text, 7, '0'), 1, now(), now(), jsonb_build_object(
         'team', 'team-' || (n * 7919 % $2::bigint), 'at', n * 31 % $1::bigint + 1, 'title', 'Ticket number ' || n || repeat(' please', 20))
       from generate_series(1, $1::bigint) n`,
      [documents, teams],
    )
    const indexed = store.collection<Ticket>('million', { indexes: [{ on: 'team' }, { on: 'at' }] })
    await indexed.findOne({ team: 'none' })
    await store.indexes.built()
    await pool.query(`create index raw_team on holdfast."c_million" (tenant, (data->>'team'), id)`)
    await pool.query('vacuum analyze holdfast."c_million"')
    const anyTeam = () => `team-${Math.floor(Math.random() * teams)}`
    await compareRates(report, 'find_indexed_1m_vs_raw', 1, {
      ours: () => indexed.find({ team: anyTeam() }, { limit: 20 }).toArray(),
      theirs: async () => {
        const { rows } = await pool.query({
          name: 'raw-find',
          text: `select id, version, created_at, updated_at, data from holdfast."c_million"
                 where tenant = $1 and data->>'team' = $2 order by id limit 20`,
          values: ['default', anyTeam()],
        })
        return rows
      },
    })
    report.metric('keyset_page_1000_vs_page_1', await keyset(indexed, long ? 400 : 100))
  } finally {
    await pool.end()
  }
}

async function keyset(
  tickets: ReturnType<Awaited<ReturnType<typeof openDocumentStore>>['collection']>,
  times: number,
): Promise<number> {
  const page = (after?: string) =>
    tickets.find({}, { sort: { at: 1 }, limit: pageSize, ...(after === undefined ? {} : { after }) }).page()
  let after: string | undefined
  for (let number = 1; number < farPage; number += 1) {
    after = (await page(after)).next
    if (after === undefined) throw new Error(`There is no page ${number + 1}`)
  }
  const ratios: number[] = []
  const p50 = async (from?: string) => quantile((await measure(() => page(from), 1, times)).latencies, 0.5)
  for (let round = 0; round < 10; round += 1) {
    const first = await p50()
    ratios.push((await p50(after)) / first)
  }
  return rounded(median(ratios))
}
