import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openDocumentStore } from '@holdfast/persistence'
import { openSessionStore } from '@holdfast/session'
import { startPostgres, startRedis, startRelay } from '@holdfast/test-servers'
import { randomFrom } from '../random.js'
import { check, type Finding } from './checker.js'
import { now, type Operation, readHistory } from './history.js'
import { Troubles } from './troubles.js'
import { type ClientMessage, type ClientSettings, keyCount } from './workload.js'

export interface CacheCampaign {
  readonly seed: number
  /** At least so many. */
  readonly operations: number
  readonly troubles: number
  readonly processes: number
  readonly clientsOfEach: number
  readonly pauseShare: number
  readonly report: (line: string) => void
}

/** How long after the database is back a call may still fail. */
const recoveryUs = 2_000_000

/** Clients of several processes read and write the same keys while Redis and the database fail in every way, and tell all that they saw;
 *  then the checker looks for what cannot be. */
export async function campaign(options: CacheCampaign): Promise<Record<string, number>> {
  const random = randomFrom(options.seed)
  await using postgres = await startPostgres()
  await using first = await startRedis()
  await using second = await startRedis()
  const relays = await Promise.all(Array.from({ length: options.processes }, () => startRelay(first.port)))
  const databaseUrl = await postgres.createDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-faults-'))
  const crowd = new Crowd((process) => ({
    process,
    clients: options.clientsOfEach,
    seed: options.seed,
    databaseUrl,
    redisUrl: `redis://${relays[process % relays.length]?.address}`,
    pauseShare: options.pauseShare,
    historyFile: join(folder, `${process}.jsonl`),
  }))
  const killProcess = (index: number) => crowd.replace(index)
  const troubles = new Troubles({ postgres, redis: [first, second], relays, killProcess }, random)
  const started = performance.now()
  try {
    await Promise.all(relays.map((_, index) => crowd.start(index)))
    await crowd.until(1)
    for (let made = 0; made < options.troubles; made += 1) {
      await delay(100 + random() * 1_200)
      await crowd.until((options.operations * made) / options.troubles)
      const kind = await troubles.next()
      options.report(`${crowd.count} operations, trouble ${made + 1}: ${kind}`)
      crowd.assertSound()
    }
    await crowd.until(options.operations)
    await crowd.stop()
    const operations = await crowd.history()
    const stored = await readAll(databaseUrl)
    const { verdict, findings } = check(operations, stored)
    for (const finding of findings.slice(0, 20)) options.report(story(finding, operations))
    return {
      ...verdict,
      failed_calls: failedFor(operations, troubles.outages).length,
      operations: operations.length,
      reads: operations.filter(({ kind }) => kind === 'read').length,
      unknown_outcomes: operations.filter(({ outcome }) => outcome === 'unknown').length,
      refused: operations.filter(({ outcome }) => outcome === 'refused').length,
      ...troubles.counts,
      seconds: Math.round((performance.now() - started) / 1000),
    }
  } finally {
    await crowd.kill()
    await rm(folder, { recursive: true, force: true })
    for (const relay of relays) await relay[Symbol.asyncDispose]()
  }
}

/** What was found, and what was done to the key in the second before. */
function story({ kind, operation, because }: Finding, operations: readonly Operation[]): string {
  const { key, start, end } = operation
  const before = operations.filter((one) => one.key === key && one.end > start - 1_000_000 && one.start < end)
  const changes = before.filter((one) => one.kind !== 'read').toSorted((a, b) => a.start - b.start)
  const lines = [operation, ...changes.slice(-10)].map((one) =>
    JSON.stringify({ ...one, start: one.start - start, end: one.end - start }),
  )
  return `${kind}: ${because}\n  ${lines.join('\n  ')}`
}

/** Calls that failed though the database was there: Redis is no reason to. */
function failedFor(
  operations: readonly Operation[],
  outages: readonly (readonly [from: number, to: number])[],
): readonly Operation[] {
  return operations.filter(
    ({ outcome, start, end, killed }) =>
      outcome !== 'done' && killed !== true && !outages.some(([from, to]) => start < to + recoveryUs && end > from),
  )
}

/** What is in the database, past the cache. */
async function readAll(databaseUrl: string): Promise<Operation[]> {
  await using documents = await openDocumentStore(databaseUrl)
  await using store = await openSessionStore({ store: documents })
  const keys = Array.from({ length: keyCount }, (_, n) => `session:${n}:state`)
  const read: Operation[] = []
  for (const key of keys) {
    const start = now()
    const entry = await store.readEntry<{ id: string }>(key)
    const seen = { value: entry?.value.id, version: entry?.version }
    read.push({ process: -1, key, kind: 'read', start, end: now(), outcome: 'done', ...seen })
  }
  return read
}

/** The processes, one behind each relay; those that took the place of killed ones have higher numbers. */
class Crowd {
  readonly #settingsOf: (process: number) => ClientSettings
  /** By the index of their relay. */
  readonly #running = new Map<number, ChildProcess>()
  readonly #started: { readonly settings: ClientSettings; operations: number; endedAt: number }[] = []
  #failure: Error | undefined

  constructor(settingsOf: (process: number) => ClientSettings) {
    this.#settingsOf = settingsOf
  }

  /** Of calls that have ended. */
  get count(): number {
    return this.#started.reduce((sum, { operations }) => sum + operations, 0)
  }

  async start(index: number, process = index): Promise<void> {
    const settings = this.#settingsOf(process)
    const child = fork(fileURLToPath(new URL('client-process.js', import.meta.url)), [JSON.stringify(settings)])
    const started = { settings, operations: 0, endedAt: Infinity }
    child.on('message', ({ operations }: ClientMessage) => {
      started.operations = operations
    })
    child.on('exit', (code, signal) => {
      started.endedAt = now()
      if (signal !== 'SIGKILL' && code !== 0) this.#failure ??= new Error(`A client process ended by itself (${code})`)
    })
    this.#started.push(started)
    this.#running.set(index, child)
    await once(child, 'spawn')
  }

  async replace(index: number): Promise<void> {
    await this.#kill(this.#running.get(index))
    await this.start(index, index + this.#running.size * this.#started.length)
  }

  assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async until(count: number): Promise<void> {
    let last = this.count
    let changed = performance.now()
    while (this.count < count) {
      this.assertSound()
      await delay(20)
      if (this.count > last) changed = performance.now()
      last = this.count
      if (performance.now() - changed > 30_000) throw new Error('The clients made no call for half a minute')
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      [...this.#running.values()].map(async (child) => {
        const gone = once(child, 'exit')
        child.send('stop')
        await gone
      }),
    )
    this.assertSound()
  }

  async history(): Promise<Operation[]> {
    const operations: Operation[] = []
    for (const { settings, endedAt } of this.#started) {
      const text = await readFile(settings.historyFile, 'utf8').catch(() => '')
      for (const operation of readHistory(text, endedAt)) operations.push(operation)
    }
    return operations
  }

  async kill(): Promise<void> {
    for (const child of this.#running.values()) await this.#kill(child)
  }

  async #kill(child: ChildProcess | undefined): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
}
