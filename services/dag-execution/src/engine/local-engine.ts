import { randomUUID } from 'node:crypto'
import { type Context, context } from '@opentelemetry/api'
import { HoldfastError, invalidField } from '@holdfast/errors'
import {
  type Collection,
  contextOfTrace,
  type Document,
  type Log,
  type TenantStore,
  traceToKeep,
} from '@holdfast/persistence'
import type { NodeExecutors } from '../executors/node-executor.js'
import { contentHash } from '../graph/graph-version.js'
import type { JsonObject } from '../graph/graph.js'
import { checkInputs } from '../graph/inputs.js'
import { endsRun, type RunEvent } from '../run/events.js'
import { Interpreter } from '../run/interpreter.js'
import { Admission } from './admission.js'
import { Bell, type Command, commandLog } from './commands.js'
import type { ExecutionEngine, ListRuns, NodeState, Run, RunEventAt, StartRun } from './execution-engine.js'
import { durationsOfNodes } from './node-durations.js'
import { GraphVersions } from './graph-versions.js'
import { NodeCache } from './node-cache.js'
import { nodeStates } from './node-states.js'
import { ParkedRuns } from './parked-runs.js'
import { RunLog, eventLog, isTransient, loadEvent } from './run-log.js'
import { RunOwner } from './run-owner.js'
import { Slots } from './slots.js'
import { type RunRecord, ended, hasEnded, noRun, runOf, runRecords } from './run-records.js'

export interface LocalEngineOptions {
  /** What does the work of nodes, by their types. */
  readonly executors: NodeExecutors
  /** After so many milliseconds without a sign of life, other processes take over the runs of one; default 4,000. */
  readonly leaseMs?: number
  /** How often it is looked for runs that nobody runs, in milliseconds; default 500. */
  readonly pollMs?: number
  /** How many runs this process runs at once; default 1,000. 0: it starts runs and runs none. */
  readonly maxActive?: number
  /** A run that only waits, for a time or a signal, is let go of after so many milliseconds, if it will wait for as long again: it takes up no place
   *  of `maxActive` then. Default 10,000. */
  readonly parkAfterMs?: number
  /** Told of what runs of this process have written down. */
  readonly wrote?: (events: readonly RunEvent[]) => void
  /** How many runs of all graphs there may be at once, in all processes; the others wait. Default: no limit. */
  readonly maxRuns?: number
  /** Shared with the engines of other tenants in this process, in the place of `maxActive`. */
  readonly slots?: Slots
  /** Called before a run is stored: from now on there is work in this store. */
  readonly wanted?: () => Promise<void>
  readonly warn?: (message: string, facts: { readonly [name: string]: unknown }) => void
}

const maxInputsBytes = 1024 * 1024

/** Runs graphs on a store: any number of processes on one PostgreSQL, or one process on an embedded database or in memory. */
export async function openLocalEngine(store: TenantStore, options: LocalEngineOptions): Promise<LocalEngine> {
  const engine = new LocalEngine(store, options)
  engine.begin()
  return engine
}

export class LocalEngine implements ExecutionEngine {
  readonly #store: TenantStore
  readonly #options: LocalEngineOptions
  readonly #records: Collection<RunRecord>
  readonly #commands: Log<Command>
  readonly #versions: GraphVersions
  readonly #admission: Admission
  readonly #bell: Bell
  readonly #cache: NodeCache
  readonly #parked: ParkedRuns
  readonly #owners = new Map<string, RunOwner>()
  readonly #slots: Slots
  #poll: NodeJS.Timeout | undefined
  #claiming = 0
  #isClosed = false

  constructor(store: TenantStore, options: LocalEngineOptions) {
    this.#store = store
    this.#options = options
    this.#records = runRecords(store)
    this.#commands = commandLog(store)
    this.#versions = new GraphVersions(store)
    this.#admission = new Admission(store, this.#versions, options.maxRuns)
    this.#bell = new Bell(store)
    this.#parked = new ParkedRuns(this.#records, () => void this.#wakeDue())
    this.#cache = new NodeCache(store)
    this.#slots = options.slots ?? new Slots(options.maxActive ?? 1_000)
  }

  /** Takes part in the work. */
  begin(): void {
    durationsOfNodes()
    if (this.#slots.most === 0) return
    this.#bell.listen((run) => {
      const owner = this.#owners.get(run)
      if (owner === undefined) void this.#claim()
      else owner.nudge()
    })
    this.#pollSoon()
  }

  /** Runs that this process runs. */
  get active(): number {
    return this.#owners.size
  }

  /** How many runs there are that have not ended, in all processes. `waiting`: for a time or a signal, without an owner. */
  async open(): Promise<{ readonly [state in 'queued' | 'running' | 'paused' | 'waiting']: number }> {
    const [queued, running, paused, waiting] = await Promise.all([
      this.#records.count({ state: 'queued' }),
      this.#records.count({ state: 'running', open: true }),
      this.#records.count({ state: 'paused' }),
      this.#records.count({ state: 'running', open: false }),
    ])
    return { queued, running, paused, waiting }
  }

  /** Whether no run waits, runs or is paused. */
  async isIdle(): Promise<boolean> {
    return (await this.#records.findOne({ state: { $in: ['queued', 'running', 'paused'] } })) === undefined
  }

  async start(request: StartRun): Promise<Run> {
    const { graph, inputs = {}, key, priority = 0, labels = {} } = request
    if (!Number.isSafeInteger(priority) || Math.abs(priority) > 100)
      throw invalidField('priority', 'must be a whole number from -100 to 100')
    if (key !== undefined && (key === '' || key.length > 200)) throw invalidField('key', 'must be 1 to 200 characters')
    const { version, compiled } = await this.#versions.keep(graph)
    checkInputs(compiled.source, inputs)
    if (Buffer.byteLength(JSON.stringify(inputs)) > maxInputsBytes) {
      throw invalidField(
        'inputs',
        `must be at most ${maxInputsBytes} bytes of JSON: keep what is large in blobs and give its id`,
      )
    }
    const mustWait = this.#admission.limits(compiled.source.maxRuns)
    return this.#insert(key, {
      graph: compiled.source.name,
      version,
      state: mustWait ? 'queued' : 'running',
      open: !mustWait,
      priority,
      order: Date.now(),
      inputs,
      labels,
      ...traceToKeep(),
      ...(key === undefined ? {} : { digest: contentHash({ version, inputs }) }),
    })
  }

  async get(id: string): Promise<Run> {
    const found = await this.#record(id)
    const run = runOf(found)
    if (run.state !== 'succeeded' || run.outputs !== undefined) return run
    const [last] = await eventLog(this.#store).read(id, { reverse: true, limit: 1 })
    const event = last === undefined ? undefined : await loadEvent(this.#store, last.data)
    return event?.type === 'run-completed' ? { ...run, outputs: event.outputs } : run
  }

  async nodes(id: string): Promise<readonly NodeState[]> {
    const { data } = await this.#record(id)
    const { compiled } = await this.#versions.get(data.version)
    const interpreter = new Interpreter(compiled, id)
    for await (const event of new RunLog(this.#store, id).read()) if (!interpreter.hasEnded) interpreter.apply(event)
    return nodeStates(compiled, interpreter)
  }

  async list({ graph, state, limit = 50, cursor }: ListRuns = {}): Promise<{
    readonly runs: readonly Run[]
    readonly next?: string
  }> {
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 500)
      throw invalidField('limit', 'must be a whole number from 1 to 500')
    const filter = { ...(graph === undefined ? {} : { graph }), ...(state === undefined ? {} : { state }) }
    const page = await this.#records
      .find(filter, { sort: { order: -1 }, limit, ...(cursor === undefined ? {} : { after: cursor }) })
      .page()
    return { runs: page.items.map(runOf), ...(page.next === undefined ? {} : { next: page.next }) }
  }

  async *subscribe(
    id: string,
    { after = 0, signal }: { readonly after?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<RunEventAt> {
    await this.#record(id)
    const tail = eventLog(this.#store).tail(id, { after, ...(signal === undefined ? {} : { signal }) })
    const head = after === 0 ? undefined : await eventLog(this.#store).head(id)
    if (head !== undefined && after >= head.next - 1 && (await this.#isOver(id))) return
    for await (const { seq, data } of tail) {
      const event = await loadEvent(this.#store, data)
      yield { cursor: seq, event }
      if (endsRun(event)) return
    }
  }

  /** By its last event, which the document follows, or by the document, of a run that had none. */
  async #isOver(id: string): Promise<boolean> {
    const [last] = await eventLog(this.#store).read(id, { reverse: true, limit: 1 })
    if (last !== undefined && endsRun(await loadEvent(this.#store, last.data))) return true
    return hasEnded((await this.#record(id)).data.state)
  }

  async wait(id: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Run> {
    if (!hasEnded((await this.#record(id)).data.state)) {
      const { next } = await eventLog(this.#store).head(id)
      for await (const _ of this.subscribe(id, {
        after: Math.max(0, next - 2),
        ...(signal === undefined ? {} : { signal }),
      })) {
        // The last event ends it.
      }
    }
    for (let pauseMs = 2; ; pauseMs = Math.min(100, pauseMs * 2)) {
      if (signal?.aborted === true) throw new HoldfastError('CANCELLED', `Waiting for run ${id} was given up`)
      const run = await this.get(id)
      if (hasEnded(run.state)) return run
      // The document follows the log.
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }

  async signal(
    id: string,
    {
      name,
      payload = null,
      key,
    }: { readonly name: string; readonly payload?: JsonObject[string]; readonly key?: string },
  ): Promise<void> {
    if (name === '') throw invalidField('name', 'must not be empty')
    await this.#command(id, { type: 'signal', name, payload }, key)
  }

  async cancel(id: string): Promise<void> {
    const { data } = await this.#record(id)
    if (data.state === 'cancelled') return
    if (data.state === 'queued') {
      const set = { $set: { state: 'cancelled', endedAt: Date.now() } }
      const cancelled = await this.#records.updateOne({ _id: id, state: 'queued' }, set)
      if (cancelled !== undefined) {
        await eventLog(this.#store).append(id, [{ data: { at: Date.now(), type: 'run-cancelled' } }])
        return
      }
    }
    await this.#command(id, { type: 'cancel' })
  }

  async pause(id: string): Promise<void> {
    await this.#command(id, { type: 'pause' })
  }

  async resume(id: string): Promise<void> {
    await this.#command(id, { type: 'resume' })
  }

  async rerun(id: string, { from, key }: { readonly from?: string; readonly key?: string } = {}): Promise<Run> {
    const { data } = await this.#record(id)
    if (!hasEnded(data.state)) {
      throw new HoldfastError('FAILED_PRECONDITION', `Run ${id} is ${data.state}: cancel it, or wait for its end`, {
        reason: 'RUN_NOT_ENDED',
      })
    }
    if (from !== undefined) await this.#checkNode(id, data.version, from)
    const { graph, version, priority, inputs, labels } = data
    const { compiled } = await this.#versions.get(version)
    const mustWait = this.#admission.limits(compiled.source.maxRuns)
    const rerun = { run: id, ...(from === undefined ? {} : { from }) }
    return this.#insert(key, {
      graph,
      version,
      state: mustWait ? 'queued' : 'running',
      open: !mustWait,
      priority,
      order: Date.now(),
      inputs,
      labels,
      rerun,
      ...(key === undefined ? {} : { digest: contentHash({ version, inputs, rerun }) }),
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#poll)
    this.#parked.close()
    await this.#bell.close()
    while (this.#claiming > 0) await new Promise((resolve) => setTimeout(resolve, 2))
    await Promise.all([...this.#owners.values()].map((owner) => owner.release()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #insert(key: string | undefined, record: RunRecord): Promise<Run> {
    const id = key === undefined ? randomUUID() : `k-${contentHash(key).slice(0, 32)}`
    let stored: Document<RunRecord>
    await this.#options.wanted?.()
    try {
      stored = await this.#records.insertOne(record, { id })
    } catch (error) {
      if (key === undefined || !(error instanceof HoldfastError) || error.code !== 'ALREADY_EXISTS') throw error
      const found = await this.#record(id)
      if (found.data.digest !== record.digest) {
        throw new HoldfastError(
          'ALREADY_EXISTS',
          `The key ${key} has started run ${id}, of another graph or with other inputs`,
          { cause: error, reason: 'KEY_REUSED' },
        )
      }
      return runOf(found)
    }
    if (record.state === 'queued') {
      await this.#admission.admit()
      stored = await this.#record(id)
    }
    if (this.#slots.most === 0) void this.#bell.ring(id)
    else void this.#claim(1)
    return runOf(stored)
  }

  async #record(id: string): Promise<Document<RunRecord>> {
    const found = await this.#records.get(id)
    if (found === undefined) throw noRun(id)
    return found
  }

  async #checkNode(id: string, version: string, from: string): Promise<void> {
    const { compiled } = await this.#versions.get(version)
    const first = /^\w+/.exec(from)?.[0] ?? ''
    if (!compiled.byId.has(first)) throw invalidField('from', `names ${from}, which run ${id} does not have`)
  }

  async #command(id: string, command: Command, key?: string): Promise<void> {
    const { data } = await this.#record(id)
    if (hasEnded(data.state)) throw ended(id, data.state)
    await this.#commands.append(id, [{ ...(key === undefined ? {} : { key }), data: command }])
    const owner = this.#owners.get(id)
    if (owner !== undefined) return owner.nudge()
    const wasParked = await this.#parked.wake(id)
    await this.#bell.ring(id)
    if (wasParked && this.#slots.most > 0) void this.#claim(1)
  }

  #pollSoon(): void {
    if (this.#isClosed) return
    this.#poll = setTimeout(() => {
      void this.#wakeDue()
        .then(() => this.#admitSome())
        .then(() => this.#cache.sweepSometimes())
        .finally(() => this.#pollSoon())
    }, this.#options.pollMs ?? 500)
  }

  async #wakeDue(): Promise<void> {
    if (this.#isClosed) return
    // What fails is tried again with the next look.
    await this.#parked.wakeDue().catch(() => undefined)
    await this.#claim()
  }

  /** Places come free when runs end in processes that die before they tell. */
  async #admitSome(): Promise<void> {
    try {
      if ((await this.#admission.admit()) > 0) await this.#claim()
    } catch {
      // It is tried again with the next look.
    }
  }

  async #claim(most = Number.POSITIVE_INFINITY): Promise<void> {
    const { leaseMs = 4_000 } = this.#options
    for (let count = 0; count < most && !this.#isClosed && this.#slots.take(); count += 1) {
      this.#claiming += 1
      let isOwned = false
      try {
        const claimed = await this.#records.claim({ open: true }, { sort: { priority: -1, order: 1 }, leaseMs })
        if (claimed === undefined) return
        this.#own(new RunOwner(this.#ownerContext(leaseMs), claimed), contextOfTrace(claimed.data))
        isOwned = true
      } catch (error) {
        if (!isTransient(error) && !this.#isClosed)
          this.#warn('Runs cannot be claimed', { error: (error as Error).message })
        return
      } finally {
        this.#claiming -= 1
        if (!isOwned) this.#slots.free()
      }
    }
  }

  /** @param of the trace that it is part of */
  #own(owner: RunOwner, of: Context): void {
    this.#owners.set(owner.id, owner)
    void context
      .with(of, () => owner.run())
      .then(() => {
        this.#slots.free()
        if (this.#owners.get(owner.id) === owner) this.#owners.delete(owner.id)
        const mayWait = owner.isLimited || this.#options.maxRuns !== undefined
        if (!this.#isClosed && mayWait) void this.#admitSome()
      })
  }

  #ownerContext(leaseMs: number) {
    return {
      store: this.#store,
      records: this.#records,
      commands: this.#commands,
      versions: this.#versions,
      executors: this.#options.executors,
      cache: this.#cache,
      leaseMs,
      parkAfterMs: this.#options.parkAfterMs ?? 10_000,
      wrote: (events: readonly RunEvent[]) => this.#options.wrote?.(events),
      parked: (until: number | undefined) => this.#parked.parked(until),
      warn: (message: string, facts: { readonly [name: string]: unknown }) => this.#warn(message, facts),
    }
  }

  #warn(message: string, facts: { readonly [name: string]: unknown }): void {
    this.#options.warn?.(message, facts)
  }
}
