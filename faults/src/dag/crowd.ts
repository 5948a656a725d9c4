import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { CallTold } from './judge.js'
import type { ExecutorMessage } from './work.js'

export const processes = 3
/** A process that is not there after so long has no database. */
const startMs = 20_000
const watchedMs = 25_000
/** Calls take some 200 ms: who began one so lately is in the middle of a run. */
const latelyMs = 500

interface Executor {
  readonly child: ChildProcess
  readonly ready: Promise<number>
}

/** The processes that run graphs, and what they tell. */
export class Crowd {
  /** Kills that hit a process in the middle of a run. */
  killsAtWork = 0
  /** The longest that a wait of 10 ms took while recoveries were watched, in milliseconds: how busy the machine is with other things. */
  longestWaitMs = 0
  readonly #url: string
  readonly #hear: (call: CallTold) => void
  readonly #executors: Executor[] = []
  /** The last call of each run. */
  readonly #last = new Map<string, CallTold>()

  constructor(url: string, hear: (call: CallTold) => void) {
    this.#url = url
    this.#hear = hear
  }

  async start(): Promise<void> {
    while (this.#executors.length < processes) this.#executors.push(await this.#spawn())
  }

  async stop(): Promise<void> {
    await Promise.all(this.#executors.map(({ child }) => end(child)))
  }

  /** Kills one that is at work. */
  async killAny(random: number): Promise<void> {
    const victim = this.#executors[Math.floor(random * processes)]
    if (victim === undefined) return
    await Promise.race([victim.ready, delay(startMs)])
    await this.#kill(victim)
  }

  /** Kills that which does most, and nothing more until each run that it was at has gone on elsewhere, or has ended.
   *  @param canGoOn whether a run that does nothing now has nothing else to wait for
   *  @returns how long that took from the kill on, in milliseconds, for each of the runs */
  async killBusiest(canGoOn: (run: string) => boolean): Promise<number[]> {
    await this.#atWork()
    const runsOf = (child: ChildProcess) => this.#runsOf([child]).length
    const victim = this.#executors.toSorted((a, b) => runsOf(b.child) - runsOf(a.child))[0]
    if (victim === undefined) return []
    const runs = this.#runsOf([victim.child]).filter(canGoOn)
    await this.#kill(victim)
    const at = Date.now()
    return this.#watch(runs, { at, canGoOn })
  }

  /** Kills all, so that only those can go on that begin again in their place.
   *  @returns how long that took from when the first of them was there again */
  async killAll(canGoOn: (run: string) => boolean): Promise<number[]> {
    await this.#atWork()
    const runs = this.#runsOf(this.#executors.map(({ child }) => child)).filter(canGoOn)
    const since = Date.now()
    await Promise.all(this.#executors.map((victim) => this.#kill(victim)))
    const at = await Promise.race(this.#executors.map(({ ready }) => ready))
    return this.#watch(runs, { at, since, canGoOn })
  }

  async #kill(victim: Executor): Promise<void> {
    if (this.#runsOf([victim.child], latelyMs).length > 0) this.killsAtWork += 1
    await end(victim.child)
    this.#executors[this.#executors.indexOf(victim)] = await this.#spawn()
  }

  /** Those that were killed before have begun again and are at work. */
  async #atWork(): Promise<void> {
    await Promise.race([Promise.all(this.#executors.map(({ ready }) => ready)), delay(startMs)])
    await delay(500)
  }

  /** The runs that these processes were the last to do something for, not long ago. */
  #runsOf(children: readonly ChildProcess[], ms = 1_000): string[] {
    const pids = new Set(children.map(({ pid }) => pid))
    const since = Date.now() - ms
    return [...this.#last.values()].flatMap(({ run, pid, at }) => (at > since && pids.has(pid) ? [run] : []))
  }

  async #watch(
    runs: readonly string[],
    {
      at,
      since = at,
      canGoOn,
    }: { readonly at: number; readonly since?: number; readonly canGoOn: (run: string) => boolean },
  ): Promise<number[]> {
    const waiting = new Set(runs)
    const pids = new Set(this.#executors.map(({ child }) => child.pid))
    const found: number[] = []
    while (waiting.size > 0 && Date.now() < at + watchedMs) {
      const before = Date.now()
      await delay(10)
      this.longestWaitMs = Math.max(this.longestWaitMs, Date.now() - before)
      for (const run of waiting) {
        const call = this.#last.get(run)
        const hasGoneOn = call !== undefined && call.at >= since && pids.has(call.pid)
        if (!hasGoneOn && canGoOn(run)) continue
        waiting.delete(run)
        found.push(Math.max(0, Date.now() - at))
      }
    }
    return [...found, ...[...waiting].map(() => watchedMs)]
  }

  async #spawn(): Promise<Executor> {
    const child = fork(fileURLToPath(new URL('executor-process.js', import.meta.url)), [this.#url])
    const ready = new Promise<number>((resolve) => {
      child.on('message', (message: ExecutorMessage) => {
        if (message.kind === 'ready') return resolve(Date.now())
        const { run, node, attempt, at } = message
        const call = { pid: child.pid ?? 0, run, node, attempt, at }
        this.#last.set(run, call)
        this.#hear(call)
      })
    })
    await once(child, 'spawn')
    return { child, ready }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
