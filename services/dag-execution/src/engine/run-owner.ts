import { setTimeout as pause } from 'node:timers/promises'
import { HoldfastError, asHoldfastError } from '@holdfast/errors'
import type { ClaimedDocument, Collection, Log, TenantStore } from '@holdfast/persistence'
import type { NodeExecutors } from '../executors/node-executor.js'
import type { NewRunEvent, NodeError, RunEvent } from '../run/events.js'
import { Interpreter } from '../run/interpreter.js'
import { nodeError } from '../run/node-error.js'
import type { Command } from './commands.js'
import type { GraphVersions } from './graph-versions.js'
import type { NodeCache } from './node-cache.js'
import type { CallNews } from './call-news.js'
import { NodeCalls } from './node-calls.js'
import { keptEvents } from './rerun.js'
import { LogTaken, RunLog } from './run-log.js'
import type { RunRecord } from './run-records.js'

export interface OwnerContext {
  readonly store: TenantStore
  readonly records: Collection<RunRecord>
  readonly commands: Log<Command>
  readonly versions: GraphVersions
  readonly executors: NodeExecutors
  readonly cache: NodeCache
  readonly leaseMs: number
  /** A run that has waited for so long, and will for as long again, is let go of until what it waits for is there. */
  readonly parkAfterMs: number
  /** Told what was written down. */
  readonly wrote: (events: readonly RunEvent[]) => void
  /** Told when a run was let go of, and when its time comes. */
  readonly parked: (until: number | undefined) => void
  readonly warn: (message: string, facts: { readonly [name: string]: unknown }) => void
}

type News = CallNews | { readonly type: 'command'; readonly seq: number; readonly command: Command }

const longestTimerMs = 2_147_483_647
/** Outputs up to this many characters of JSON stand in the run's document too, and need not be looked up in its log. */
const inlineOutputs = 64 * 1024

/** Runs one run in this process, as long as its lease holds. What happens is applied to the interpreter, then written to the log together with
 *  what follows from it, in one append; only then do calls begin that follow. Whoever writes the log beside it ends it. */
export class RunOwner {
  readonly id: string
  readonly #context: OwnerContext
  readonly #claimed: ClaimedDocument<RunRecord>
  readonly #log: RunLog
  readonly #calls: NodeCalls
  readonly #stop = new AbortController()
  #inbox: News[] = []
  #wake: (() => void) | undefined
  #lastCommand = 0
  #renewal: NodeJS.Timeout | undefined
  #isLooking = false
  #lookAgain = false
  #interpreter: Interpreter | undefined
  #done: Promise<void> | undefined
  #isLimited = false
  /** By the clock of this process. */
  #heldUntil: number

  constructor(context: OwnerContext, claimed: ClaimedDocument<RunRecord>) {
    this.id = claimed.id
    this.#context = context
    this.#claimed = claimed
    this.#heldUntil = performance.now() + context.leaseMs
    this.#log = new RunLog(context.store, claimed.id)
    const { executors, cache } = context
    const { tenantId: tenant } = context.store
    this.#calls = new NodeCalls({ run: claimed.id, tenant, executors, cache, tell: (news) => this.#tell(news) })
  }

  /** Ends when the run has ended, when another process has taken it over, or after `release`. Never rejects. */
  run(): Promise<void> {
    this.#done ??= this.#run()
    return this.#done
  }

  /** Whether other runs of its graph may wait for its end. */
  get isLimited(): boolean {
    return this.#isLimited
  }

  /** Something was asked of the run. */
  nudge(): void {
    this.#lookAgain = true
    if (!this.#isLooking) void this.#look()
  }

  /** Lets go of the run, so that any process goes on with it at once. */
  async release(): Promise<void> {
    this.#end()
    await this.#done
    await this.#claimed.lease.release().catch(() => undefined)
  }

  async #run(): Promise<void> {
    const everyMs = Math.max(50, this.#context.leaseMs / 3)
    this.#renewal = setInterval(() => void this.#renew(), everyMs).unref()
    try {
      await this.#go()
    } catch (error) {
      if (!this.#stop.signal.aborted && !(error instanceof LogTaken)) await this.#giveUp(error)
    } finally {
      this.#end()
    }
  }

  #end(): void {
    clearInterval(this.#renewal)
    this.#stop.abort()
    this.#calls.release()
    this.#wake?.()
  }

  async #go(): Promise<void> {
    const { versions } = this.#context
    const { compiled, version } = await versions.get(this.#claimed.data.version)
    const interpreter = new Interpreter(compiled, this.id)
    this.#interpreter = interpreter
    this.#isLimited = compiled.source.maxRuns !== undefined
    const wasClaimedFirst = this.#claimed.version === 2
    if (!wasClaimedFirst || this.#claimed.data.rerun !== undefined) await this.#takeOver(interpreter)
    this.nudge()
    let events: RunEvent[] = interpreter.isStarted ? [] : await this.#beginning(interpreter, version)
    await this.#untilHeld()
    if (this.#stop.signal.aborted) return
    // Their time goes on from when they began: whoever dies, an attempt is over when it says.
    for (const call of interpreter.calls()) this.#calls.start(call, interpreter.inputOf(call.unit), call.unit.startedAt)
    for (;;) {
      for (const news of this.#inbox.splice(0)) {
        for (const event of this.#eventsOf(interpreter, news)) {
          interpreter.apply(event)
          events.push(event)
        }
        if (interpreter.hasEnded) break
      }
      events.push(...interpreter.advance(Date.now(), Math.random()))
      if (events.length > 0) await this.#write(interpreter, events)
      events = []
      if (interpreter.hasEnded) return this.#finish(interpreter)
      for (const { node } of interpreter.callsToStop()) this.#calls.cancel(node)
      if (this.#inbox.length > 0) continue
      const { nextTime } = interpreter
      const parkAt = this.#parkingTime(interpreter)
      await this.#news(parkAt ?? nextTime)
      if (this.#stop.signal.aborted) return
      if (parkAt !== undefined && this.#inbox.length === 0 && Date.now() >= parkAt && (await this.#park(nextTime)))
        return
    }
  }

  /** Writes first, then begins the calls that were written down. */
  async #write(interpreter: Interpreter, events: readonly RunEvent[]): Promise<void> {
    await this.#log.append(events, this.#stop.signal)
    this.#context.wrote(events)
    await this.#untilHeld()
    if (this.#stop.signal.aborted) return
    for (const event of events) {
      if (event.type === 'node-started') {
        const call = interpreter.call(event.node)
        if (call?.attempt === event.attempt) this.#calls.start(call, interpreter.inputOf(call.unit))
      } else if (event.type === 'run-paused' || event.type === 'run-resumed') {
        const state = event.type === 'run-paused' ? 'paused' : 'running'
        await this.#context.records.updateOne(this.id, { $set: { state } })
      }
    }
  }

  /** Reads what has happened. Where calls are to be made again, the log is closed to whoever ran the run before: an append of his that was held up,
   *  by a database that was away, would else record what is being done again. */
  async #takeOver(interpreter: Interpreter): Promise<void> {
    for (;;) {
      await this.#recover(interpreter)
      if (!interpreter.hasCalls || interpreter.hasEnded) return
      const event: RunEvent = { at: Date.now(), type: 'run-taken-over' }
      try {
        await this.#log.append([event], this.#stop.signal)
        interpreter.apply(event)
        return
      } catch (error) {
        if (!(error instanceof LogTaken)) throw error
        // It was he, and it is read; or another has the run by now.
        await this.#renew()
        if (this.#stop.signal.aborted) throw error
      }
    }
  }

  async #recover(interpreter: Interpreter): Promise<void> {
    for await (const event of this.#log.read()) {
      interpreter.apply(event)
      if ('command' in event && event.command !== undefined)
        this.#lastCommand = Math.max(this.#lastCommand, event.command)
    }
  }

  async #beginning(interpreter: Interpreter, graph: string): Promise<RunEvent[]> {
    const { inputs, rerun } = this.#claimed.data
    const at = Date.now()
    const events: RunEvent[] = [
      { at, type: 'run-started', graph, inputs, ...(rerun === undefined ? {} : { rerunOf: rerun.run }) },
    ]
    if (rerun !== undefined) {
      const earlier: RunEvent[] = []
      for await (const event of new RunLog(this.#context.store, rerun.run).read()) earlier.push(event)
      const { compiled } = await this.#context.versions.get(graph)
      events.push(...keptEvents(compiled, earlier, { from: rerun.from, at }))
    }
    for (const event of events) interpreter.apply(event)
    return events
  }

  #eventsOf(interpreter: Interpreter, news: News): RunEvent[] {
    const at = Date.now()
    const dated = (event: NewRunEvent): RunEvent[] => [{ at, ...event }]
    if (news.type === 'command') return this.#eventsOfCommand(interpreter, news.seq, news.command, dated)
    const { node, attempt } = news
    if (interpreter.call(node)?.attempt !== attempt) return []
    if (news.type === 'progress') return dated({ type: 'node-progress', node, attempt, progress: news.progress })
    if (news.type === 'completed') {
      const { outputs, from } = news
      return dated({ type: 'node-completed', node, attempt, outputs, ...(from === undefined ? {} : { from }) })
    }
    if (news.type === 'failed') return dated(interpreter.failure(node, news.error, at, Math.random()))
    return dated({ type: 'node-cancelled', node, attempt })
  }

  #eventsOfCommand(
    { phase }: Interpreter,
    seq: number,
    command: Command,
    dated: (event: NewRunEvent) => RunEvent[],
  ): RunEvent[] {
    if (seq <= this.#lastCommand) return []
    this.#lastCommand = seq
    if (phase === 'stopping') return []
    if (command.type === 'signal') {
      const { name, payload } = command
      return dated({ type: 'signal-received', name, payload, command: seq })
    }
    if (command.type === 'cancel') return dated({ type: 'run-stopping', why: 'cancelled', command: seq })
    if (command.type === 'pause') return phase === 'running' ? dated({ type: 'run-paused', command: seq }) : []
    return phase === 'paused' ? dated({ type: 'run-resumed', command: seq }) : []
  }

  /** When a run is let go of that only waits from now on; `undefined`: it does something, or will soon. */
  #parkingTime({ hasCalls, nextTime }: Interpreter): number | undefined {
    const { parkAfterMs } = this.#context
    const at = Date.now() + parkAfterMs
    return hasCalls || (nextTime !== undefined && nextTime < at + parkAfterMs) ? undefined : at
  }

  /** Lets go of the run until a time, or until something is asked of it. Whoever asks writes the command first and looks for parked runs then;
   *  here it is the other way round, so that one of the two sees the other. A process that dies in between leaves a run that is looked at
   *  again when its lease would have run out. @returns whether it is let go of */
  async #park(nextTime: number | undefined): Promise<boolean> {
    const { commands, records, parked, leaseMs } = this.#context
    const soon = Date.now() + leaseMs
    try {
      await this.#claimed.lease.release({ set: { open: false, wakeAt: soon } })
    } catch (error) {
      return error instanceof HoldfastError && error.reason === 'LEASE_LOST'
    }
    try {
      const { next } = await commands.head(this.id)
      const isAsked = next - 1 > this.#lastCommand
      const until = isAsked ? Date.now() : nextTime
      await records.updateOne(
        { _id: this.id, open: false, wakeAt: soon },
        until === undefined ? { $unset: { wakeAt: '' } } : { $set: { wakeAt: until } },
      )
      parked(until)
    } catch {
      // It is looked at again soon.
    }
    return true
  }

  #tell(news: News): void {
    this.#inbox.push(news)
    this.#wake?.()
  }

  /** Waits for news, at most until a time. All that comes within one turn of the event loop comes together. */
  async #news(until: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        setImmediate(resolve)
      }
      if (this.#stop.signal.aborted) this.#wake()
      else if (until !== undefined) {
        timer = setTimeout(() => this.#wake?.(), Math.min(longestTimerMs, Math.max(0, until - Date.now())))
      }
    })
    clearTimeout(timer)
    this.#wake = undefined
  }

  /** Calls begin under a lease that holds: a process that was held up for longer sees first whether the run is still its own. */
  async #untilHeld(): Promise<void> {
    while (performance.now() >= this.#heldUntil && !this.#stop.signal.aborted) {
      await this.#renew()
      if (performance.now() >= this.#heldUntil) await pause(100)
    }
  }

  async #renew(): Promise<void> {
    try {
      const askedAt = performance.now()
      await this.#claimed.lease.renew()
      this.#heldUntil = askedAt + this.#context.leaseMs
      const { next } = await this.#context.commands.head(this.id)
      if (next - 1 > this.#lastCommand) this.nudge()
    } catch (error) {
      if (error instanceof HoldfastError && error.reason === 'LEASE_LOST') this.#end()
    }
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    while (this.#lookAgain && !this.#stop.signal.aborted) {
      this.#lookAgain = false
      try {
        const { commands } = this.#context
        const { next } = await commands.head(this.id)
        if (next - 1 <= this.#lastCommand) continue
        for (const { seq, data } of await commands.read(this.id, { after: this.#lastCommand })) {
          this.#tell({ type: 'command', seq, command: data })
        }
      } catch {
        // The renewal of the lease looks again.
      }
    }
    this.#isLooking = false
  }

  /** The log says how the run ended; its document follows. Whoever claims a run that ended without this does it then. */
  async #finish(interpreter: Interpreter): Promise<void> {
    const { phase } = interpreter
    const { error, node, outputs } = interpreter.ending
    await this.#close({
      state: phase,
      ...(error === undefined ? {} : { error }),
      ...(node === undefined ? {} : { failedNode: node }),
      ...(outputs === undefined || JSON.stringify(outputs).length > inlineOutputs ? {} : { outputs }),
    })
  }

  /** A run that cannot go on by its own fault: its graph or its log is not what it was. */
  async #giveUp(cause: unknown): Promise<void> {
    const error: NodeError = nodeError(cause)
    this.#context.warn('A run cannot go on', { run: this.id, error: asHoldfastError(cause, 'The run').message })
    if (error.code === 'UNAVAILABLE' || error.code === 'UNKNOWN') return
    try {
      if (this.#interpreter?.hasEnded !== true)
        await this.#log.append([{ at: Date.now(), type: 'run-failed', error }], this.#stop.signal)
      await this.#close({ state: 'failed', error })
    } catch {
      // Another process will come to the same end.
    }
  }

  async #close(set: { readonly [member: string]: unknown }): Promise<void> {
    for (let pauseMs = 20; !this.#stop.signal.aborted; pauseMs = Math.min(1_000, pauseMs * 2)) {
      try {
        await this.#claimed.lease.release({ set: { ...set, open: false, endedAt: Date.now() } })
        return
      } catch (error) {
        if (error instanceof HoldfastError && error.reason === 'LEASE_LOST') return
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
  }
}
