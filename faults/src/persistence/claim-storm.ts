import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openDocumentStore } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import { Crew } from '../crew.js'
import { randomFrom } from '../random.js'
import { type Handout, handoutsThatOverlap, type WorkerMessage } from './handouts.js'
import { jobsOf, type WorkerSettings } from './jobs.js'

export interface StormOptions {
  readonly store: 'embedded' | 'postgres'
  readonly jobs: number
  /** Of processes, with SIGKILL. */
  readonly kills: number
  readonly workers: number
  readonly seed: number
}

/** Workers of several processes claim jobs until none is left, while processes are killed with the leases that they hold, and some
 *  workers sleep through the end of theirs. Every job has to be completed once, and no two workers may hold one at the same time. */
export async function stormClaims(options: StormOptions): Promise<Record<string, number>> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-faults-'))
  const random = randomFrom(options.seed)
  try {
    await using postgres = options.store === 'postgres' ? await startPostgres() : undefined
    const url = postgres === undefined ? `embedded:${join(folder, 'data')}` : await postgres.createDatabase()
    await seed(url, options.jobs)
    const crowd = new Crowd({ url, workers: options.workers, processes: postgres === undefined ? 1 : 4 })
    const started = performance.now()
    await crowd.start()
    for (let kill = 0; kill < options.kills && !crowd.isDone; kill += 1) {
      const from = crowd.finished
      const share = options.jobs / (options.kills + 1)
      await crowd.until(() => crowd.finished >= from + share * (0.5 + random() / 2))
      await crowd.killOne(random())
    }
    await crowd.until(() => crowd.isDone)
    const tookMs = performance.now() - started
    await crowd.stop()
    return { ...(await judge(url, options.jobs, crowd)), storm_ms: Math.round(tookMs) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function seed(url: string, jobs: number): Promise<void> {
  await using store = await openDocumentStore(url)
  await jobsOf(store).insertMany(
    Array.from({ length: jobs }, (_, n) => ({
      id: `job-${n}`,
      data: { state: 'open', at: n, attempts: 0, completed: 0 },
    })),
  )
}

async function judge(url: string, jobs: number, crowd: Crowd): Promise<Record<string, number>> {
  await using store = await openDocumentStore(url)
  const completions = new Map<string, number>()
  for await (const { id, data } of jobsOf(store).find({ state: 'done' })) completions.set(id, data.completed)
  const repeated = [...completions.values()].filter((completed) => completed !== 1).length
  return {
    jobs,
    claims: crowd.handouts.length,
    kills: crowd.kills,
    leases_lost: crowd.leasesLost,
    double_claims: handoutsThatOverlap(crowd.handouts) + repeated,
    lost_jobs: jobs - completions.size,
  }
}

/** The processes that work, and what they told. */
class Crowd {
  readonly handouts: Handout[] = []
  finished = 0
  leasesLost = 0
  isDone = false
  readonly #processes: number
  readonly #crew: Crew<WorkerSettings, WorkerMessage>
  readonly #byToken = new Map<string, Handout>()
  #lastNews = performance.now()

  constructor({ url, workers, processes }: { url: string; workers: number; processes: number }) {
    this.#processes = processes
    const script = new URL('claim-worker.js', import.meta.url)
    this.#crew = new Crew(script, { url, workers: workers / processes }, (message) => this.#hear(message))
  }

  get kills(): number {
    return this.#crew.kills
  }

  start(): Promise<void> {
    return this.#crew.start(this.#processes)
  }

  killOne(random: number): Promise<void> {
    return this.#crew.kill(random)
  }

  /** @throws when nothing is heard from the workers for a minute */
  async until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.isDone) {
      if (this.#crew.failure !== undefined) throw this.#crew.failure
      if (performance.now() - this.#lastNews > 60_000) return
      await delay(5)
    }
  }

  stop(): Promise<void> {
    return this.#crew.stop()
  }

  #hear(message: WorkerMessage): void {
    this.#lastNews = performance.now()
    switch (message.kind) {
      case 'claimed': {
        const handout: Handout = { ...message.handout, end: message.handout.until }
        this.handouts.push(handout)
        this.#byToken.set(`${handout.id}:${handout.token}`, handout)
        break
      }
      case 'finished': {
        this.finished += 1
        const handout = this.#byToken.get(`${message.id}:${message.token}`)
        if (handout !== undefined) handout.end = message.at
        break
      }
      case 'lost':
        this.leasesLost += 1
        break
      case 'done':
        this.isDone = true
    }
  }
}
