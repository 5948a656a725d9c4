import { mkdtemp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createClients } from '@holdfast/grpc-clients'
import { openDocumentStore } from '@holdfast/persistence'
import { openPostgresDriver, type SqlDriver } from '@holdfast/persistence/sql'
import { openSessionStore } from '@holdfast/session'
import { HoldfastProcess, type RedisServer, startPostgres, startRedis } from '@holdfast/test-servers'
import { Ledger } from './ledger.js'
import { work } from './load.js'
import { type Probe, probe } from './probe.js'
import { goesOn, slopeOf } from './slope.js'

export interface SoakOptions {
  readonly minutes: number
  readonly pauseMs: number
  readonly report: (line: string) => void
}

export interface SoakReport {
  readonly figures: Readonly<Record<string, number | string | object>>
  /** What did not hold. */
  readonly failures: readonly string[]
  /** The first things that were lost, doubled or wrong. */
  readonly first: readonly string[]
}

const MiB = 1024 ** 2

/** Told and not judged: it grows for hours, more and more slowly, with nothing being kept, and is bounded by the program's size (decision 0086). */
const compiled: ReadonlySet<string> = new Set(['server_code', 'client_code'])

/** Those that the load asks: speech, and embeddings for recall. */
const localModels = 2

/** A slope that is real, but smaller than this, is none that an operator could see: 24 MiB a day. */
const toleratedMiBPerHour = 1

/** Before anything is judged the program does in short what it will do for long: with such pauses, and such times between two troubles. V8 compiles what has
 *  become hot, and keeps what it has learned of it. Then, for the rest of the warm-up, it goes at the pace that is measured: V8 lets go of what has become rare
 *  by that (decision 0090). */
const warmPauseMs = 20
const warmTroubleMs = 8_000
const hotPart = 0.4
const troubleMs = 20_000

interface Sample {
  /** The server that is never killed. */
  readonly server: Probe
  /** This process: clients, and a session store. */
  readonly client: Probe
  readonly postgresConnections: number
  readonly redisConnections: number
  readonly databaseBytes: number
  readonly operations: number
}

/** Two servers over one PostgreSQL and one Redis under a mixed load, with a trouble every 20 s or so. One of them is killed now and then; the other lives
 *  through all of it and is measured. */
export async function soak({ minutes, pauseMs, report }: SoakOptions): Promise<SoakReport> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-soak-'))
  const probes = join(folder, 'probes')
  const temporary = join(folder, 'tmp')
  await mkdir(probes)
  await mkdir(temporary)
  try {
    await using postgres = await startPostgres({ settings: { fsync: 'off' } })
    await using redis = await startRedis()
    const database = await postgres.createDatabase()
    const environment = {
      NODE_OPTIONS: `--import=${new URL('probe.js', import.meta.url).href}`,
      SOAK_FOLDER: probes,
      SOAK_POOLED_PORTS: `${postgres.port},${redis.port}`,
      TMPDIR: temporary,
    }
    const storeArguments = ['--database', database, '--redis', redis.url]
    await using measured = await HoldfastProcess.start(storeArguments, environment)
    await using killed = await HoldfastProcess.start(storeArguments, environment)
    await using clients = createClients({ address: [measured.address, killed.address], deadlineMs: 20_000 })
    await using documents = await openDocumentStore(database, { maxConnections: 4 })
    await using sessions = await openSessionStore({ store: documents, cache: { redis: redis.url } })
    const sql = await openPostgresDriver(database, { maxConnections: 1, applicationName: 'soak' })
    try {
      const ledger = new Ledger()
      const signal = { isOver: false, isPaused: false }
      const warmMs = Math.min(10, minutes / 3) * 60_000
      const beganAt = performance.now()
      const isHot = (): boolean => performance.now() - beganAt < warmMs * hotPart
      const isWarm = (): boolean => performance.now() - beganAt >= warmMs
      const load = work({
        clients,
        sessions,
        ledger,
        signal,
        get pauseMs() {
          return isHot() ? Math.min(pauseMs, warmPauseMs) : pauseMs
        },
      })
      const take = () => sampleOf(measured, probes, sql, redis, ledger)
      const troubles = new Troubles(killed, redis, sql, report)
      const endsAt = performance.now() + minutes * 60_000
      const everyMs = Math.min(15_000, (minutes * 60_000) / 40)
      const failure = load.then(() => undefined)
      const samples: Sample[] = []
      let warm: Sample | undefined
      const measuring = (async () => {
        for (let n = 1; performance.now() < endsAt; n += 1) {
          await delay(everyMs)
          if (isWarm()) {
            // Still, once: what is open then is what the same stillness in the end is compared with.
            warm ??= await whenStill(signal, take)
            samples.push(await take())
          }
          if (n % 8 === 0) report(lineOf(samples.at(-1) ?? (await take()), ledger))
        }
      })()
      const troubling = (async () => {
        for (let n = 0; performance.now() < endsAt - 15_000; n += 1) {
          await delay(isHot() ? warmTroubleMs : troubleMs)
          if (!signal.isPaused) await troubles.next(n)
        }
      })()
      await Promise.race([Promise.all([measuring, troubling]), failure.then(() => Promise.all([measuring, troubling]))])
      const last = await whenStill(signal, take)
      signal.isOver = true
      signal.isPaused = false
      await load
      const left = await readdir(temporary)
      return judged(samples, warm ?? last, last, ledger, { ...troubles.counts, temporary_files: left.length })
    } finally {
      await sql.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Without load for long enough that streams have ended and what was put off is done. */
async function whenStill(signal: { isPaused: boolean }, take: () => Promise<Sample>): Promise<Sample> {
  signal.isPaused = true
  await delay(12_000)
  const sample = await take()
  signal.isPaused = false
  return sample
}

async function sampleOf(
  server: HoldfastProcess,
  probes: string,
  sql: SqlDriver,
  redis: RedisServer,
  ledger: Ledger,
): Promise<Sample> {
  const [row] = await sql.query({
    text: `select (select count(*) from pg_stat_activity where datname = current_database() and application_name = 'holdfast'),
      pg_database_size(current_database())`,
    values: [],
    readOnly: true,
  })
  const clients = await redis.command('CLIENT', 'LIST').catch(() => '')
  return {
    server: await probeOf(server, probes),
    client: probe(),
    postgresConnections: Number(row?.[0]),
    databaseBytes: Number(row?.[1]),
    redisConnections: clients.split('\n').filter((line) => line !== '').length,
    operations: Object.values(ledger.acknowledged).reduce((sum, count) => sum + count, 0),
  }
}

async function probeOf(server: HoldfastProcess, probes: string): Promise<Probe> {
  const file = join(probes, `${server.pid}.json`)
  await rm(file, { force: true })
  process.kill(server.pid, 'SIGUSR2')
  for (const deadline = performance.now() + 30_000; performance.now() < deadline; await delay(20)) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text !== '') return JSON.parse(text) as Probe
  }
  throw new Error('The server did not answer a probe within 30 s')
}

class Troubles {
  readonly counts = { redis_restarts: 0, redis_emptied: 0, database_cuts: 0, server_kills: 0 }
  readonly #server: HoldfastProcess
  readonly #redis: RedisServer
  readonly #sql: SqlDriver
  readonly #report: (line: string) => void

  constructor(server: HoldfastProcess, redis: RedisServer, sql: SqlDriver, report: (line: string) => void) {
    this.#server = server
    this.#redis = redis
    this.#sql = sql
    this.#report = report
  }

  async next(n: number): Promise<void> {
    switch (n % 4) {
      case 0: {
        await this.#redis.restart()
        this.counts.redis_restarts += 1
        break
      }
      case 1: {
        const text = `select count(pg_terminate_backend(pid)) from pg_stat_activity
          where datname = current_database() and application_name = 'holdfast'`
        await this.#sql.query({ text, values: [] })
        this.counts.database_cuts += 1
        break
      }
      case 2: {
        await this.#server.kill()
        const ms = await this.#server.start()
        this.counts.server_kills += 1
        this.#report(`killed, and ready again after ${Math.round(ms)} ms`)
        break
      }
      default: {
        await this.#redis.command('FLUSHALL')
        this.counts.redis_emptied += 1
      }
    }
  }
}

function lineOf({ server, client, postgresConnections, operations }: Sample, ledger: Ledger): string {
  const MB = (bytes: number): string => (bytes / MiB).toFixed(1)
  return `${operations} operations; server heap ${MB(server.heapBytes)} code ${MB(server.codeBytes)} external ${MB(server.externalBytes)} rss ${MB(server.rssBytes)} MiB, ${server.files} files; client heap ${MB(client.heapBytes)} code ${MB(client.codeBytes)} MiB; ${postgresConnections} connections; lost ${ledger.lost}, doubled ${ledger.doubled}, wrong ${ledger.wrong}`
}

function judged(
  samples: readonly Sample[],
  warm: Sample,
  last: Sample,
  ledger: Ledger,
  counts: Readonly<Record<string, number>>,
): SoakReport {
  const failures: string[] = []
  const slopes: Record<string, number> = {}
  const measures: Readonly<Record<string, (sample: Sample) => number>> = {
    server_heap: ({ server }) => server.heapBytes,
    server_external: ({ server }) => server.externalBytes,
    server_rss: ({ server }) => server.rssBytes,
    client_heap: ({ client }) => client.heapBytes,
    server_code: ({ server }) => server.codeBytes,
    client_code: ({ client }) => client.codeBytes,
  }
  for (const [name, measure] of Object.entries(measures)) {
    const points = samples.map((sample) => [sample.server.at, measure(sample) / MiB] as const)
    const { perHour, noise } = slopeOf(points)
    slopes[`${name}_mib_per_hour`] = rounded(perHour)
    slopes[`${name}_noise_mib_per_hour`] = rounded(noise)
    slopes[`${name}_mib`] = rounded(measure(last) / MiB)
    const late = slopeOf(points.slice(Math.floor(points.length / 2)))
    slopes[`${name}_later_half_mib_per_hour`] = rounded(late.perHour)
    slopes[`${name}_later_half_noise_mib_per_hour`] = rounded(late.noise)
    if (!compiled.has(name) && goesOn(points, toleratedMiBPerHour)) {
      failures.push(`${name} grows by ${rounded(perHour)} MiB an hour, give or take ${rounded(noise)}`)
    }
  }
  const leaked = leakedHandles(warm.server, last.server)
  if (leaked > 0) {
    const shown = [warm, last].map(({ server }) => JSON.stringify(server.handles)).join(' became ')
    failures.push(`${leaked} handles were leaked: ${shown}`)
  }
  const most = (of: (sample: Sample) => number): number => Math.max(...[...samples, last].map(of))
  const connections = most(({ postgresConnections }) => postgresConnections)
  // Two servers with 10 and a listener each, and this process with 4 and one.
  if (connections > 27) failures.push(`${connections} connections to PostgreSQL stood at once`)
  const children = most(({ server }) => server.handles['ChildProcess'] ?? 0)
  if (children > localModels) failures.push(`${children} processes of models ran at once`)
  if (ledger.lost + ledger.doubled + ledger.wrong > 0) failures.push('something was lost, doubled or wrong')
  if ((counts['temporary_files'] ?? 0) > 0) failures.push(`${counts['temporary_files']} temporary files were left`)
  const operations = last.operations - warm.operations
  return {
    figures: {
      operations: last.operations,
      acknowledged: ledger.acknowledged,
      retried: ledger.retried,
      lost: ledger.lost,
      doubled: ledger.doubled,
      wrong: ledger.wrong,
      samples: samples.length,
      measured_minutes: rounded(((samples.at(-1)?.server.at ?? 0) - (samples[0]?.server.at ?? 0)) / 60_000),
      ...slopes,
      handles_leaked: leaked,
      files: last.server.files,
      files_when_warm: warm.server.files,
      postgres_connections_max: connections,
      redis_connections_max: most(({ redisConnections }) => redisConnections),
      disk_bytes_per_operation: operations === 0 ? 0 : rounded((last.databaseBytes - warm.databaseBytes) / operations),
      database_mib: rounded(last.databaseBytes / MiB),
      ...counts,
    },
    failures,
    first: ledger.first,
  }
}

/** More of a kind than there were; apart from connections of the pools, and from processes of models, one for each model that was asked lately. */
function leakedHandles(warm: Probe, last: Probe): number {
  const kinds = Object.keys(last.handles).filter((kind) => kind !== 'pooled' && kind !== 'ChildProcess')
  return kinds.reduce((sum, kind) => sum + Math.max(0, (last.handles[kind] ?? 0) - (warm.handles[kind] ?? 0)), 0)
}

const rounded = (value: number): number => Math.round(value * 100) / 100
