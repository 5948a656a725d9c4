import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ExecutionEngine, type Json, type RunEvent, compileGraph, openLocalEngine } from '@holdfast/dag-execution'
import { randomGraph } from '@holdfast/dag-execution/testing'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { type PostgresServer, startPostgres } from '@holdfast/test-servers'
import { randomFrom } from '../random.js'
import { type CallTold, type Judgement, judge } from './judge.js'
import type { ExecutorMessage } from './work.js'

export interface KillOptions {
  readonly kills: number
  readonly seed: number
  readonly report: (line: string) => void
}

const processes = 3
const runsAtOnce = 12
/** Recovery takes a lease and a look. */
const recoveryLimitMs = 15_000
const watchedMs = 25_000
const patienceMs = 90_000

interface BegunRun {
  readonly id: string
  readonly graph: Json
}

/** Keeps a dozen runs of random graphs going while processes and the database are killed, then waits for all and compares each with the pure
 *  interpreter. */
export async function runGraphsUnderKills({ kills, seed, report }: KillOptions): Promise<Record<string, number>> {
  const random = randomFrom(seed)
  await using postgres = await startPostgres()
  const url = await postgres.createDatabase()
  await using store = await openDocumentStore(url)
  await using engine = await openLocalEngine(store, { executors: {}, maxActive: 0 })
  const crowd = new Crowd(url)
  await crowd.start()
  const going = new Map<string, BegunRun>()
  const runs: BegunRun[] = []
  const begin = async () => {
    const size = random() < 0.1 ? 200 : 5 + Math.floor(random() * 60)
    const graph = randomGraph(random, { nodes: size })
    const { id } = await patiently(() =>
      engine.start({ graph, inputs: { seed: runs.length }, key: `run-${seed}-${runs.length}` }),
    )
    const run = { id, graph }
    runs.push(run)
    going.set(id, run)
    void patiently(() => engine.wait(id)).then(() => going.delete(id))
  }
  let databaseKills = 0
  const recoveries: number[] = []
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      while (going.size < runsAtOnce) await begin()
      await delay(150 + random() * 850)
      if (random() < 0.12) {
        databaseKills += 1
        await restart(postgres)
      } else if (kill % 4 === 3) recoveries.push(...(await crowd.killAndWatch((run) => going.has(run))))
      else await crowd.killAny(random())
      if (kill % 10 === 9) report(`${kill + 1} kills, ${runs.length} runs, ${going.size} under way`)
    }
    const until = performance.now() + patienceMs
    while (going.size > 0 && performance.now() < until) await delay(50)
    const stuck = going.size
    const total: Judgement = { nodes: 0, lostNodes: 0, wrongOutputs: 0, recordedRerun: 0 }
    for (const [index, { id, graph }] of runs.entries()) {
      if (going.has(id)) {
        report(
          `stuck: ${id} ${JSON.stringify((await engine.nodes(id)).filter(({ state }) => state !== 'completed').slice(0, 5))}`,
        )
        continue
      }
      const one = await judgeRun({ store, engine }, { id, graph, seed: index }, crowd.calls)
      if (one.lostNodes + one.wrongOutputs + one.recordedRerun > 0) report(`wrong: ${id} ${JSON.stringify(one)}`)
      total.nodes += one.nodes
      total.lostNodes += one.lostNodes
      total.wrongOutputs += one.wrongOutputs
      total.recordedRerun += one.recordedRerun
    }
    recoveries.sort((a, b) => a - b)
    return {
      kills,
      database_kills: databaseKills,
      runs: runs.length,
      nodes: total.nodes,
      calls: crowd.calls.length,
      lost_nodes: total.lostNodes,
      wrong_outputs: total.wrongOutputs,
      recorded_rerun: total.recordedRerun,
      stuck_runs: stuck,
      recovered_runs: recoveries.length,
      recovery_p95_ms: recoveries[Math.floor(recoveries.length * 0.95)] ?? 0,
      recovery_max_ms: recoveries.at(-1) ?? 0,
      recovered_too_late: recoveries.filter((ms) => ms > recoveryLimitMs).length,
    }
  } finally {
    await crowd.stop()
  }
}

async function judgeRun(
  { store, engine }: { readonly store: DocumentStore; readonly engine: ExecutionEngine },
  { id, graph, seed }: BegunRun & { readonly seed: number },
  calls: readonly CallTold[],
): Promise<Judgement> {
  // As the database has it: when each was recorded, and not when it happened.
  const entries = await store.log<RunEvent>('dag-events').read(id, { limit: 10_000 })
  const events = entries.map(({ data, at }) => ({ ...data, at: at.getTime() }))
  return judge(
    compileGraph(graph),
    { seed },
    { run: await engine.get(id), events },
    calls.filter(({ run }) => run === id),
  )
}

async function restart(postgres: PostgresServer): Promise<void> {
  await postgres.kill()
  await postgres.restart()
}

/** The campaign's own calls survive what it does to the database. */
async function patiently<A>(call: () => Promise<A>): Promise<A> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await call()
    } catch (error) {
      if (tries > 200) throw error
      await delay(100)
    }
  }
}

/** The processes that run graphs, and what they told. */
class Crowd {
  readonly calls: CallTold[] = []
  readonly #url: string
  readonly #children: ChildProcess[] = []

  constructor(url: string) {
    this.#url = url
  }

  async start(): Promise<void> {
    while (this.#children.length < processes) this.#children.push(await this.#spawn())
  }

  async killAny(random: number): Promise<void> {
    const victim = this.#children[Math.floor(random * this.#children.length)]
    if (victim !== undefined) await this.killOne(victim)
  }

  async killOne(victim: ChildProcess): Promise<void> {
    await end(victim)
    this.#children[this.#children.indexOf(victim)] = await this.#spawn()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(end))
  }

  /** Kills one, and kills nothing more until each run that it was at has gone on elsewhere, or has ended.
   *  @returns how long that took, in milliseconds, for each of the runs */
  async killAndWatch(isGoing: (run: string) => boolean): Promise<number[]> {
    // Those that were killed before have begun again and are at work.
    await delay(3_000)
    const began = Date.now()
    const recent = this.calls.filter(({ at }) => at > began - 1_000)
    const callsOf = (child: ChildProcess) => recent.filter(({ pid }) => pid === child.pid).length
    const victim = this.#children.toSorted((a, b) => callsOf(b) - callsOf(a))[0]
    if (victim === undefined) return []
    const heard = recent.filter(({ pid }) => pid === victim.pid)
    const runs = new Set(
      heard.map(({ run }) => run).filter((run) => this.calls.findLast((call) => call.run === run)?.pid === victim?.pid),
    )
    await this.killOne(victim)
    const at = Date.now()
    const from = this.calls.length
    const found: number[] = []
    while (runs.size > 0 && Date.now() < at + watchedMs) {
      await delay(10)
      const gone = new Set(this.calls.slice(from).flatMap(({ run, pid }) => (pid === victim?.pid ? [] : [run])))
      for (const run of runs) {
        if (!gone.has(run) && isGoing(run)) continue
        runs.delete(run)
        found.push(Date.now() - at)
      }
    }
    return [...found, ...[...runs].map(() => watchedMs)]
  }

  async #spawn(): Promise<ChildProcess> {
    const child = fork(fileURLToPath(new URL('executor-process.js', import.meta.url)), [this.#url])
    child.on('message', (message: ExecutorMessage) => {
      if (message.kind === 'call')
        this.calls.push({
          pid: child.pid ?? 0,
          run: message.run,
          node: message.node,
          attempt: message.attempt,
          at: message.at,
        })
    })
    await once(child, 'spawn')
    return child
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
