import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DocumentStore } from '@holdfast/persistence'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { median, rounded } from '../rounds.js'
import { payload, type Payload } from './payload.js'
import type { Report } from './report.js'

const rows = 40_000

/** Rows a second of `load` over those of hand-written COPY of the same documents into a table of the same shape. */
export async function bulkAgainstCopy(store: DocumentStore, pool: pg.Pool, report: Report): Promise<void> {
  const documents = store.collection<Payload>('bulk')
  await documents.count()
  await pool.query('create table if not exists raw_bulk (like holdfast."c_bulk" including all)')
  const ours = async (round: number) => {
    await documents.load(numbered(round), { onConflict: 'fail' })
  }
  const theirs = async (round: number) => {
    const client = await pool.connect()
    try {
      const into = client.query(
        copyFrom('copy raw_bulk (tenant, id, version, created_at, updated_at, data) from stdin'),
      )
      await pipeline(Readable.from(copyText(round)), into)
    } finally {
      client.release()
    }
  }
  const ratios: number[] = []
  const rates: number[] = []
  for (let round = 0; round <= report.rounds; round += 1) {
    const seconds = [ours, theirs].map(() => 0)
    for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const start = performance.now()
      await (side === 0 ? ours : theirs)(round)
      seconds[side] = (performance.now() - start) / 1000
    }
    // The first round is for the compiler.
    if (round === 0) continue
    ratios.push((seconds[1] ?? 0) / (seconds[0] ?? 1))
    rates.push(rows / (seconds[0] ?? 1))
  }
  report.metric('bulk_vs_copy', rounded(median(ratios)))
  report.metric('bulk_rows_per_s', Math.round(median(rates)))
}

function* numbered(round: number): Generator<{ id: string; data: Payload }> {
  for (let n = 0; n < rows; n += 1) yield { id: `r${round}-${n}`, data: payload(n) }
}

/** Lines of COPY's text format, gathered to chunks of a few hundred kilobytes. */
function* copyText(round: number): Generator<string> {
  const now = new Date().toISOString()
  let chunk = ''
  for (const { id, data } of numbered(round)) {
    const json = JSON.stringify(data).replaceAll('\\', '\\\\')
    chunk += `default\t${id}\t1\t${now}\t${now}\t${json}\n`
    if (chunk.length < 256 * 1024) continue
    yield chunk
    chunk = ''
  }
  yield chunk
}
