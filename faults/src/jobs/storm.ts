import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Jobs, openJobs } from '@holdfast/jobs'
import { openDocumentStore } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import { Crew } from '../crew.js'
import { randomFrom } from '../random.js'
import { judge } from './judge.js'
import { inputOf, type Kinds, kindsFor, leaseMs, type WorkerMessage, type WorkerSettings } from './kinds.js'

type Workers = Crew<WorkerSettings, WorkerMessage>
const script = new URL('worker-process.js', import.meta.url)

export interface JobStormOptions {
  readonly jobs: number
  /** Of processes, with SIGKILL. */
  readonly kills: number
  /** Of processes, with SIGSTOP, past their leases. */
  readonly pauses: number
  readonly cancels: number
  readonly seed: number
}

/** Jobs that wait or run at a time, while there are more to submit. */
const outstanding = 60
/** Until a job that nobody finishes counts as stuck. */
const patienceMs = 60_000

/** Jobs are submitted here and done by three processes, which are killed and paused in the middle of them, while others are cancelled. */
export async function stormJobs(options: JobStormOptions): Promise<Record<string, number>> {
  const random = randomFrom(options.seed)
  await using postgres = await startPostgres()
  const url = await postgres.createDatabase()
  await using store = await openDocumentStore(url)
  const kinds = kindsFor(() => undefined)
  await using jobs = await openJobs(store, { kinds: [kinds.work, kinds.endless], workers: 0, leaseMs })
  const storm = new Storm(jobs, kinds)
  const crew = new Crew<WorkerSettings, WorkerMessage>(script, { url, workers: 8, seed: options.seed }, (message) =>
    storm.hear(message),
  )
  const started = performance.now()
  await crew.start(3)
  const submitting = storm.submit(options.jobs, random)
  const cancelling = storm.cancel(options.cancels, crew)
  const events = [
    ...Array.from({ length: options.kills }, (_, n) => ({ at: (n + 0.5) / options.kills, kind: 'kill' as const })),
    ...Array.from({ length: options.pauses }, (_, n) => ({ at: (n + 0.3) / options.pauses, kind: 'pause' as const })),
  ].toSorted((a, b) => a.at - b.at)
  for (const { at, kind } of events) {
    await storm.until(() => storm.submitted >= at * options.jobs, crew)
    await (kind === 'kill' ? crew.kill(random()) : crew.pause(random(), leaseMs * 1.5))
  }
  const ids = await submitting
  const cancelled = await cancelling
  const stuck = await storm.waitForAll(ids)
  const tookMs = performance.now() - started
  await crew.stop()
  if (crew.failure !== undefined) throw crew.failure
  return {
    jobs: options.jobs,
    kills: crew.kills,
    pauses: crew.pauses,
    stuck: stuck + cancelled.stuck,
    ...(await judge(store, jobs, ids)),
    cancelled: cancelled.count,
    cancel_ms_p50: quantile(cancelled.latencies, 0.5),
    cancel_ms_p95: quantile(cancelled.latencies, 0.95),
    storm_ms: Math.round(tookMs),
  }
}

/** The embedded database has one process: it submits, works, is killed, and goes on where it was. */
export async function stormEmbedded(
  options: Pick<JobStormOptions, 'jobs' | 'kills' | 'seed'>,
): Promise<Record<string, number>> {
  const random = randomFrom(options.seed + 1)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-faults-'))
  try {
    const url = `embedded:${join(folder, 'data')}`
    let ended = 0
    let isDone = false
    const crew = new Crew<WorkerSettings, WorkerMessage>(
      script,
      { url, workers: 8, submits: options.jobs, seed: options.seed },
      ({ kind }) => {
        if (kind === 'ended') ended += 1
        if (kind === 'done') isDone = true
      },
    )
    await crew.start(1)
    for (let kill = 0; kill < options.kills && !isDone; kill += 1) {
      const next = ended + (options.jobs / (options.kills + 1)) * (0.5 + random() / 2)
      await waitUntil(() => ended >= next || isDone, crew)
      await crew.kill(0)
    }
    await waitUntil(() => isDone, crew)
    await crew.stop()
    await using store = await openDocumentStore(url)
    const { work, endless } = kindsFor(() => undefined)
    await using jobs = await openJobs(store, { kinds: [work, endless], workers: 0 })
    const ids: string[] = []
    for (let cursor: string | undefined = ''; cursor !== undefined;) {
      const page = await jobs.list({ kind: 'work', limit: 1_000, ...(cursor === '' ? {} : { cursor }) })
      ids.push(...page.items.map(({ id }) => id))
      cursor = page.next
    }
    const stuck = (await jobs.list({ kind: 'work', state: ['queued', 'running'] })).items.length
    const { lost, ...rest } = await judge(store, jobs, ids)
    return {
      jobs: options.jobs,
      kills: crew.kills,
      stuck,
      lost: (lost ?? 0) + Math.abs(options.jobs - ids.length),
      ...rest,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

class Storm {
  submitted = 0
  readonly #jobs: Jobs
  readonly #kinds: Kinds
  readonly #began = new Map<string, () => void>()
  readonly #stopped = new Map<string, number>()
  #ended = 0

  constructor(jobs: Jobs, kinds: Kinds) {
    this.#jobs = jobs
    this.#kinds = kinds
  }

  hear(message: WorkerMessage): void {
    if (message.kind === 'ended') this.#ended += 1
    if (message.kind === 'began') this.#began.get(message.id)?.()
    if (message.kind === 'stopped') this.#stopped.set(message.id, message.at)
  }

  async submit(count: number, random: () => number): Promise<string[]> {
    const ids: string[] = []
    for (let n = 0; n < count; n += 1) {
      const { id } = await this.#jobs.submit(this.#kinds.work, inputOf(n, random), { key: `job-${n}` })
      ids.push(id)
      this.submitted += 1
      while (this.submitted - this.#ended > outstanding && !(await this.#isQuiet())) await delay(10)
    }
    return ids
  }

  /** What workers tell is lost with them now and then: the truth is looked up. */
  async #isQuiet(): Promise<boolean> {
    await delay(50)
    const open = await this.#jobs.list({ kind: 'work', state: ['queued', 'running'], limit: 1_000 })
    this.#ended = this.submitted - open.items.length
    return open.items.length <= outstanding
  }

  /** One after the other, while the storm goes on. */
  async cancel(count: number, crew: Workers): Promise<{ count: number; stuck: number; latencies: Float64Array }> {
    const latencies: number[] = []
    let stuck = 0
    for (let n = 0; n < count; n += 1) {
      let begin = (): void => undefined
      const began = new Promise<void>((resolve) => {
        begin = resolve
      })
      const { id } = await this.#jobs.submit(this.#kinds.endless, null)
      this.#began.set(id, begin)
      if ((await this.#jobs.get(id)).state === 'running') begin()
      await Promise.race([began, delay(patienceMs)])
      const { pauses } = crew
      const at = Date.now()
      await this.#jobs.cancel(id, { waitMs: 0 })
      const ended = await this.#jobs.wait(id, { signal: AbortSignal.timeout(patienceMs) }).catch(() => undefined)
      if (ended?.state !== 'cancelled') stuck += 1
      await delay(20)
      // None if the process was killed at that moment, with the model; and one that was paused heard of nothing.
      const stopped = this.#stopped.get(id)
      if (stopped !== undefined && crew.pauses === pauses) latencies.push(stopped - at)
    }
    return { count, stuck, latencies: Float64Array.from(latencies).sort() }
  }

  async until(holds: () => boolean, crew: Workers): Promise<void> {
    await waitUntil(holds, crew)
  }

  /** @returns how many have not ended in time */
  async waitForAll(ids: readonly string[]): Promise<number> {
    const ended = await Promise.allSettled(
      ids.map((id) => this.#jobs.wait(id, { signal: AbortSignal.timeout(patienceMs) })),
    )
    return ended.filter(({ status }) => status === 'rejected').length
  }
}

async function waitUntil(holds: () => boolean, crew: Workers): Promise<void> {
  const until = performance.now() + 2 * patienceMs
  while (!holds()) {
    if (crew.failure !== undefined) throw crew.failure
    if (performance.now() > until) throw new Error('Nothing went on for two minutes')
    await delay(5)
  }
}

/** @param sorted ascending */
function quantile(sorted: Float64Array, q: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? -1)
}
