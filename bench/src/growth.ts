import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openDocumentStore } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import pg from 'pg'
import type { BenchOptions, BenchReport } from './benchmark.js'
import { measure, median, type Operation, quantile, rounded } from './rounds.js'

interface Ticket {
  readonly team: string
  readonly text: string
}

const sizes = [10, 1_000, 100_000, 1_000_000]
const entriesOfAStream = 100
const hotPlaces = 1_000

/** Whether a lone call costs the same in a small collection or log as in a large one: the median of get, put, find by an index and
 *  append at each size, in alternation; `NAME_growth` is the largest over the smallest. The calls ask for a thousand places, spread over all
 *  there is: asking for all of a million measures the machine's memory as well, which `get_anywhere` shows. */
export async function run({ long, report }: BenchOptions): Promise<BenchReport> {
  // Short and many: whatever else the machine does then meets all sizes alike.
  const rounds = long ? 120 : 40
  const ms = 60
  await using server = await startPostgres({ settings: { shared_buffers: '512MB', max_wal_size: '4GB' } })
  const url = await server.createDatabase()
  await using store = await openDocumentStore(url)
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  const operations = new Map<string, Operation[]>()
  try {
    for (const size of sizes) {
      for (const [name, operation] of Object.entries(await seeded(size))) {
        operations.set(name, [...(operations.get(name) ?? []), operation])
      }
      report(`${size} documents and entries are there`)
    }
    await pool.query('vacuum analyze')
    await pool.query('checkpoint')
    // What was filled in must not be on its way to the disk while writes are measured.
    await once(spawn('sync', { stdio: 'ignore' }), 'exit')
    const metrics: Record<string, number> = {}
    for (const [name, ofSizes] of operations) {
      const medians = ofSizes.map((): number[] => [])
      for (const operation of ofSizes) await measure(operation, 1, 5 * ms)
      for (let round = 0; round < rounds; round += 1) {
        for (const step of ofSizes.keys()) {
          const index = (round + step) % ofSizes.length
          const operation = ofSizes[index]
          if (operation !== undefined) medians[index]?.push(quantile((await measure(operation, 1, ms)).latencies, 0.5))
        }
      }
      const microseconds = medians.map((of) => Math.round(median(of) * 1000))
      for (const [index, size] of sizes.entries()) metrics[`${name}_us_at_${size}`] = microseconds[index] ?? Number.NaN
      const growth = rounded(Math.max(...microseconds) / Math.min(...microseconds))
      // Of memory, not of the store.
      if (name !== 'get_anywhere') metrics[`${name}_growth`] = growth
      report(`${name}: ${microseconds.join(', ')} µs; growth ${growth}`)
    }
    return { metrics, notes: ['PostgreSQL, default durability, one caller; medians in microseconds'] }
  } finally {
    await pool.end()
  }

  /** A collection and a log of that size, filled by the server. */
  async function seeded(size: number): Promise<Readonly<Record<string, Operation>>> {
    const name = `growth-${size}`
    const tickets = store.collection<Ticket>(name, { indexes: [{ on: 'team' }] })
    const log = store.log<Ticket>(name)
    await tickets.count()
    await log.head('none')
    const text = 'please '.repeat(40)
    // Ten documents a team, whatever the size, so that a find returns as many.
    await pool.query(
      `insert into holdfast."c_${name}" (tenant, id, version, created_at, updated_at, data)
       select 'default', 'ticket-' || n, 1, now(), now(), jsonb_build_object('team', 'team-' || n / 10, 'text', $2::text)
       from generate_series(0, $1::int - 1) n`,
      [size, text],
    )
    const streams = Math.ceil(size / entriesOfAStream)
    await pool.query(
      `insert into holdfast."s_${name}" (tenant, stream, head, at)
       select 'default', 'stream-' || n, least($2::int, $1::int - n * $2::int), now() from generate_series(0, $3::int - 1) n`,
      [size, entriesOfAStream, streams],
    )
    await pool.query(
      `insert into holdfast."l_${name}" (tenant, stream, seq, key, at, data)
       select 'default', 'stream-' || n / $2::int, n % $2::int + 1, 'key-' || n, now(), jsonb_build_object('team', 'a', 'text', $3::text)
       from generate_series(0, $1::int - 1) n`,
      [size, entriesOfAStream, text],
    )
    const any = (count: number) => {
      const places = Math.min(count, hotPlaces)
      return Math.floor(Math.floor(Math.random() * places) * (count / places))
    }
    const anywhere = () => Math.floor(Math.random() * size)
    let written = 0
    return {
      get: () => tickets.get(`ticket-${any(size)}`),
      get_anywhere: () => tickets.get(`ticket-${anywhere()}`),
      put: () => {
        const n = any(size)
        return tickets.put(`ticket-${n}`, { team: `team-${Math.floor(n / 10)}`, text })
      },
      find: () => tickets.find({ team: `team-${any(Math.ceil(size / 10))}` }, { limit: 10 }).toArray(),
      append: () => log.append(`stream-${any(streams)}`, [{ key: `new-${(written += 1)}`, data: { team: 'a', text } }]),
    }
  }
}
