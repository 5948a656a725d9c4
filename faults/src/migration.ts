import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openDocumentStore } from '@holdfast/persistence'
import { openPostgresDriver } from '@holdfast/persistence/sql'
import { startPostgres, startRedis } from '@holdfast/test-servers'
import { createClient } from '@redis/client'
import type { CampaignOptions, CampaignReport } from './main.js'
import { ClientProcess, Ledger } from './migration/client-process.js'
import { compare } from './migration/compare.js'
import { oldWrite } from './migration/old-service.js'
import { kinds, tellings, valueAt } from './migration/told.js'
import { randomFrom } from './random.js'

const processCount = 4
const forward = ['dual-write', 'backfill', 'verify', 'cutover', 'finish'] as const
/** Where both stores, or one of them, must be as acknowledged. */
const checks: Readonly<Record<string, { readonly legacy: boolean; readonly documents: boolean }>> = {
  verify: { legacy: true, documents: true },
  cutover: { legacy: true, documents: true },
  finish: { legacy: false, documents: true },
  rollback: { legacy: true, documents: false },
}

/** Sessions that the old service wrote are migrated to the end, back, and to the end again, while clients in four processes read and write them without a
 *  pause; commands and clients are killed with SIGKILL at every step and in between. Then everything must be as it was acknowledged. */
export async function run(options: CampaignOptions): Promise<CampaignReport> {
  const { seed, report, writers } = options
  const killsPerStep = { quick: 1, usual: 3, long: 12 }[options.length]
  const random = randomFrom(seed)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-faults-'))
  const startedAt = performance.now()
  await using postgres = await startPostgres({ settings: { max_connections: '200' } })
  await using oldRedis = await startRedis()
  await using cache = await startRedis()
  const [legacy, documents] = [await postgres.createDatabase(), await postgres.createDatabase()]
  const redis = createClient({ url: oldRedis.url })
  await redis.connect()
  const driver = await openPostgresDriver(legacy, { maxConnections: 4 })
  const store = await openDocumentStore(documents)
  const ledger = new Ledger()
  const clients: ClientProcess[] = []
  const totals = { lost: 0, different: 0, resurrected: 0, bytes_differ: 0, redis_differ: 0, shadow_different: 0 }
  const counts = { kills_of_commands: 0, kills_of_clients: 0, checks: 0, shadow_reads: 0, held_ms_max: 0 }
  try {
    const dialogues =
      process.env['HOLDFAST_TEST_DIALOGUES'] ?? join(import.meta.dirname, '../../../shared/data/dialogues')
    const told = tellings(dialogues, report)
    await driver.script(`create table sessions (key varchar(255) primary key, value jsonb not null,
      created_at timestamptz default now(), updated_at timestamptz default now()); create index on sessions (updated_at)`)
    for (const one of told) {
      await Promise.all(
        kinds.map((kind) => oldWrite(driver, redis, 'sessions', `session:${one.id}:${kind}`, valueAt(one, kind, 0))),
      )
    }
    report(`${told.length} conversations, ${told.length * kinds.length} sessions, written as the old service did`)
    const numbers = Array.from({ length: writers }, (_, number) => number)
    for (let process_ = 0; process_ < processCount; process_ += 1) {
      const setup = {
        legacy,
        redis: oldRedis.url,
        documents,
        cache: cache.url,
        folder: dialogues,
        seed,
        clients: numbers.filter((number) => number % processCount === process_),
        of: writers,
      }
      if (setup.clients.length > 0) clients.push(new ClientProcess(setup, ledger, folder))
    }
    let starts = 0
    await Promise.all(clients.map((one) => one.start(seed + (starts += 1))))

    /** How long each step took from its begin to its end, when it was last let alone. */
    const lastedMs = new Map<string, number>()
    /** @returns its report; `undefined`: it was killed before its end */
    const runStep = async (step: string, killAfterMs?: number): Promise<Record<string, unknown> | undefined> => {
      const program = join(import.meta.dirname, 'migration/step.js')
      const child = spawn(process.execPath, [program, step, legacy, oldRedis.url, documents], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let lines = ''
      let isKilled = false
      let readyAt = performance.now()
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (lines === '') readyAt = performance.now()
        if (lines === '' && killAfterMs !== undefined) {
          setTimeout(() => {
            isKilled = child.kill('SIGKILL')
          }, killAfterMs)
        }
        lines += text
      })
      const [code] = (await once(child, 'close')) as [number | null]
      if (killAfterMs === undefined) lastedMs.set(step, performance.now() - readyAt)
      if (code === 0) return JSON.parse(lines.split('\n')[1] ?? '{}') as Record<string, unknown>
      if (isKilled) return undefined
      throw new Error(`The step ${step} failed with ${code}`)
    }

    for (const step of [...forward, 'rollback', ...forward]) {
      for (let kill = 0; kill < killsPerStep; kill += 1) {
        const isDone = (await runStep(step, random() * random() * (lastedMs.get(step) ?? 600))) !== undefined
        if (!isDone) counts.kills_of_commands += 1
        const victim = clients[Math.floor(random() * clients.length)]
        await delay(random() * 200)
        await victim?.kill()
        counts.kills_of_clients += 1
        await victim?.start(seed + (starts += 1))
        // It was not killed in time, and another run would begin the next one.
        if (isDone && step !== 'verify') break
      }
      const done = await runStep(step)
      counts.held_ms_max = Math.max(counts.held_ms_max, Number(done?.['heldMs'] ?? 0))
      if (step === 'verify') {
        await delay(1_500)
        const [shadow] = await driver.query({
          text: `select (data->>'reads')::bigint, (data->>'different')::bigint from holdfast_session_steps where step = 'shadow'`,
          values: [],
        })
        counts.shadow_reads += Number(shadow?.[0] ?? 0)
        totals.shadow_different += Number(shadow?.[1] ?? 0)
      }
      const sides = checks[step]
      if (sides !== undefined) {
        await Promise.all(clients.map((one) => one.pause()))
        // Copies that nobody waits for are made soon, and those of killed processes by the step itself.
        await delay(300)
        const found = await compare(
          driver,
          store,
          redis,
          told,
          ledger,
          step === 'verify' ? { ...sides, documents: false } : sides,
          report,
        )
        for (const figure of Object.keys(found) as (keyof typeof found)[]) totals[figure] += found[figure]
        counts.checks += 1
        for (const one of clients) one.go()
      }
      report(
        `${step}: ${JSON.stringify(done)} after ${Math.round((performance.now() - startedAt) / 1000)} s, ${ledger.operations} operations`,
      )
    }
    for (const line of [...ledger.stale, ...ledger.failed].slice(0, 10)) report(line)
    const figures = {
      sessions: told.length * kinds.length,
      operations: ledger.operations,
      ...counts,
      ...totals,
      stale_reads: ledger.stale.length,
      failed_calls: ledger.failed.length,
      seconds: Math.round((performance.now() - startedAt) / 1000),
    }
    return { figures, mustBeZero: [...Object.keys(totals), 'stale_reads', 'failed_calls'] }
  } finally {
    for (const one of clients) await one.remove()
    await store.close()
    await driver.close()
    redis.destroy()
    await rm(folder, { recursive: true, force: true })
  }
}
