import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openDocumentStore } from '@holdfast/persistence'
import { openSessionStore } from '@holdfast/session'
import { startPostgres, startRedis, startRelay } from '@holdfast/test-servers'
import { randomFrom } from '../random.js'
import { check, type Finding } from './checker.js'
import { now, type Operation } from './history.js'
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
  const crowd = new Crowd()
  const troubles = new Troubles({ postgres, redis: [first, second], relays }, random)
  const started = performance.now()
  try {
    await Promise.all(
      relays.map((relay, process) =>
        crowd.start({
          process,
          clients: options.clientsOfEach,
          seed: options.seed,
          databaseUrl,
          redisUrl: `redis://${relay.address}`,
          pauseShare: options.pauseShare,
        }),
      ),
    )
    await crowd.until(1)
    for (let made = 0; made < options.troubles; made += 1) {
      await delay(100 + random() * 1_200)
      await crowd.until((options.operations * made) / options.troubles)
      const kind = await troubles.next()
      options.report(`${crowd.operations.length} operations, trouble ${made + 1}: ${kind}`)
      crowd.assertSound()
    }
    await crowd.until(options.operations)
    await crowd.stop()
    const stored = await readAll(databaseUrl)
    const { verdict, findings } = check(crowd.operations, stored)
    for (const finding of findings.slice(0, 20)) options.report(story(finding, crowd.operations))
    return {
      ...verdict,
      failed_calls: failedFor(crowd.operations, troubles.outages).length,
      operations: crowd.operations.length,
      reads: crowd.operations.filter(({ kind }) => kind === 'read').length,
      unknown_outcomes: crowd.operations.filter(({ outcome }) => outcome === 'unknown').length,
      refused: crowd.operations.filter(({ outcome }) => outcome === 'refused').length,
      ...troubles.counts,
      seconds: Math.round((performance.now() - started) / 1000),
    }
  } finally {
    crowd.kill()
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
    ({ outcome, start, end }) =>
      outcome !== 'done' && !outages.some(([from, to]) => start < to + recoveryUs && end > from),
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

class Crowd {
  readonly operations: Operation[] = []
  readonly #children: ChildProcess[] = []
  #failure: Error | undefined

  async start(settings: ClientSettings): Promise<void> {
    const child = fork(fileURLToPath(new URL('client-process.js', import.meta.url)), [JSON.stringify(settings)])
    child.on('message', ({ operations }: ClientMessage) => {
      for (const operation of operations) this.operations.push(operation)
    })
    child.on('exit', (code) => {
      this.#failure ??= new Error(`A client process ended by itself (${code})`)
    })
    this.#children.push(child)
    await once(child, 'spawn')
  }

  assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async until(count: number): Promise<void> {
    let last = this.operations.length
    let changed = performance.now()
    while (this.operations.length < count) {
      this.assertSound()
      await delay(20)
      if (this.operations.length > last) changed = performance.now()
      last = this.operations.length
      if (performance.now() - changed > 30_000) throw new Error('The clients made no call for half a minute')
    }
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        child.removeAllListeners('exit')
        const gone = once(child, 'exit')
        child.send('stop')
        await gone
      }),
    )
  }

  kill(): void {
    for (const child of this.#children) {
      child.removeAllListeners('exit')
      if (child.exitCode === null) child.kill('SIGKILL')
    }
  }
}
