import { setTimeout as delay } from 'node:timers/promises'
import { type ExecutionEngine, type Json, type RunEvent, compileGraph } from '@holdfast/dag-execution'
import { randomGraph } from '@holdfast/dag-execution/testing'
import { HoldfastError } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { type CallTold, type Judgement, judge } from './judge.js'
import { answerTo, approvalsOf } from './work.js'

const runsAtOnce = 6
const patienceMs = 90_000
/** A run is judged so long after its end: a call of it by anybody would have been heard of by then. */
const judgedAfterMs = 3_000

export interface RunsOptions {
  readonly store: DocumentStore
  readonly engine: ExecutionEngine
  readonly random: () => number
  readonly seed: number
  readonly report: (line: string) => void
}

interface BegunRun {
  readonly id: string
  readonly graph: Json
  readonly inputs: { readonly seed: number }
}

/** The runs of a campaign, from their beginning until they are judged. */
export class Runs {
  begun = 0
  readonly #options: RunsOptions
  readonly #going = new Map<string, BegunRun>()
  /** Those that wait for the campaign: to be resumed, or for a signal. */
  readonly #asked = new Map<string, number>()
  readonly #calls = new Map<string, CallTold[]>()
  readonly #judging = new Set<Promise<void>>()
  readonly #judged = new Set<string>()
  #filling: Promise<void> | undefined
  #isEnding = false
  #isGivenUp = false
  #callCount = 0
  readonly #total: Judgement = { nodes: 0, lostNodes: 0, wrongOutputs: 0, recordedRerun: 0 }

  constructor(options: RunsOptions) {
    this.#options = options
  }

  get underWay(): number {
    return this.#going.size
  }

  get faults(): number {
    return this.#total.lostNodes + this.#total.wrongOutputs + this.#total.recordedRerun
  }

  get figures(): Record<string, number> {
    const { nodes, lostNodes, wrongOutputs, recordedRerun } = this.#total
    return {
      nodes,
      calls: this.#callCount,
      lost_nodes: lostNodes,
      wrong_outputs: wrongOutputs,
      recorded_rerun: recordedRerun,
    }
  }

  /** What a process tells of a call. */
  hear(call: CallTold): void {
    this.#callCount += 1
    if (this.#judged.has(call.run)) {
      this.#total.recordedRerun += 1
      this.#options.report(`a call of a run that had ended: ${JSON.stringify(call)}`)
      return
    }
    const calls = this.#calls.get(call.run)
    if (calls === undefined) this.#calls.set(call.run, [call])
    else calls.push(call)
  }

  /** Whether a run that does nothing waits for nothing but a process. */
  canGoOn(id: string): boolean {
    return this.#going.has(id) && !this.#asked.has(id)
  }

  /** Begins another run for each that ends, until `end`. */
  keepGoing(): void {
    this.#filling = this.#unlessGivenUp(async () => {
      while (!this.#isEnding) {
        if (this.#going.size < runsAtOnce) await this.#begin()
        else await delay(20)
      }
    })
  }

  /** Nothing that fails from now on is a finding. */
  giveUp(): void {
    this.#isEnding = true
    this.#isGivenUp = true
  }

  /** @returns how many have not ended after all patience */
  async end(): Promise<number> {
    this.#isEnding = true
    await this.#filling
    const until = performance.now() + patienceMs
    while (this.#going.size > 0 && performance.now() < until) await delay(50)
    while (this.#judging.size > 0) await Promise.all(this.#judging)
    for (const id of this.#going.keys()) {
      const open = (await this.#options.engine.nodes(id)).filter(({ state }) => state !== 'completed')
      this.#options.report(`stuck: ${id} ${JSON.stringify(open.slice(0, 5))}`)
    }
    return this.#going.size
  }

  async #begin(): Promise<void> {
    const { engine, random, seed } = this.#options
    const nodes = random() < 0.1 ? 200 : 5 + Math.floor(random() * 60)
    const graph = randomGraph(random, { nodes, approvals: true })
    const inputs = { seed: this.begun }
    const key = `run-${seed}-${this.begun}`
    const { id } = await patiently(() => engine.start({ graph, inputs, key }))
    this.begun += 1
    const run = { id, graph, inputs }
    this.#going.set(id, run)
    void this.#unlessGivenUp(() => this.#ask(run, random()))
    void this.#unlessGivenUp(async () => {
      await patiently(() => engine.wait(id))
      this.#going.delete(id)
      const judging = delay(judgedAfterMs).then(() => this.#judge(run))
      this.#judging.add(judging)
      await judging
      this.#judging.delete(judging)
    })
  }

  async #unlessGivenUp(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!this.#isGivenUp) throw error
    }
  }

  /** Gives the signals that a run may wait for; some runs are paused for a while before. */
  async #ask({ id, graph }: BegunRun, chance: number): Promise<void> {
    const { engine } = this.#options
    const approvals = approvalsOf(graph)
    const isPaused = chance < 0.2
    if (approvals.length === 0 && !isPaused) return
    this.#asked.set(id, approvals.length)
    try {
      await delay(chance * 500)
      if (isPaused) {
        await patiently(() => engine.pause(id))
        await delay(chance * 1_000)
        await patiently(() => engine.resume(id))
      }
      for (const name of approvals)
        await patiently(() => engine.signal(id, { name, payload: answerTo(name), key: name }))
    } catch (error) {
      // It ended without.
      if (!(error instanceof HoldfastError) || error.code !== 'FAILED_PRECONDITION') throw error
    }
    this.#asked.delete(id)
  }

  async #judge({ id, graph, inputs }: BegunRun): Promise<void> {
    const { store, engine, report } = this.#options
    // As the database has it: when each was recorded, and not when it happened.
    const entries = await patiently(() => store.log<RunEvent>('dag-events').read(id, { limit: 10_000 }))
    const events = entries.map(({ data, at }) => ({ ...data, at: at.getTime() }))
    const run = await patiently(() => engine.get(id))
    const calls = this.#calls.get(id) ?? []
    this.#calls.delete(id)
    this.#judged.add(id)
    const one = judge({ graph: compileGraph(graph), inputs, approvals: approvalsOf(graph) }, { run, events }, calls)
    if (one.lostNodes + one.wrongOutputs + one.recordedRerun > 0) report(`wrong: ${id} ${JSON.stringify(one)}`)
    this.#total.nodes += one.nodes
    this.#total.lostNodes += one.lostNodes
    this.#total.wrongOutputs += one.wrongOutputs
    this.#total.recordedRerun += one.recordedRerun
  }
}

/** The campaign's own calls survive what it does to the database. */
export async function patiently<A>(call: () => Promise<A>): Promise<A> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await call()
    } catch (error) {
      const isAnswer = error instanceof HoldfastError && error.code === 'FAILED_PRECONDITION'
      if (isAnswer || tries > 600) throw error
      await delay(100)
    }
  }
}
