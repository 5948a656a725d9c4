import type { CompiledGraph } from '../graph/compile.js'
import type { Json, JsonObject } from '../graph/graph.js'
import { checkInputs } from '../graph/inputs.js'
import { portValues } from '../graph/port-values.js'
import { Approvals, isApproved, signalName } from './approvals.js'
import { endStates, type NewRunEvent, type NodeError, type Outputs, type RunEvent, type RunPhase } from './events.js'
import { Flow } from './flow.js'
import { isWorthRetrying, logContradicts, nodeError } from './node-error.js'
import { itemsOf, pureOutputs, retryOf, skipOf, untilOf } from './node-work.js'
import { type Outcome, Scope, type Stop, type Task, type Unit, unitsOf } from './scope.js'
import { Starts } from './starts.js'
import { Stopping, approvalTimeout, graphTimeout, runTimeout, stoppedByFailure } from './stopping.js'
import { Units } from './units.js'

/** A call that is to be made, or is under way. */
export interface Call {
  readonly node: string
  readonly attempt: number
  readonly unit: Unit
}

/** What `advance` is told of the outside, and what it says to. */
interface Moment {
  readonly now: number
  /** From 0 to 1, for the jitter of attempts. */
  readonly chance: number
  readonly emit: (event: NewRunEvent) => void
}

/** What a run does, from its graph and what has happened: nothing else goes in, no clock, no chance, no outside. Everything that happened goes
 *  through `apply`; `advance` answers what follows of itself, applied already. The same events give the same state, and the same
 *  results of nodes the same outputs, in whatever order they came. */
export class Interpreter {
  readonly #graph: CompiledGraph
  readonly #run: { readonly id: string }
  #root: Scope | undefined
  #phase: RunPhase = 'running'
  #ending: { readonly outputs?: Outputs; readonly error?: NodeError; readonly node?: string } = {}
  #isPaused = false
  #deadline: number | undefined
  readonly #flow = new Flow()
  readonly #starts = new Starts()
  readonly #approvals = new Approvals()
  readonly #units = new Units(this.#flow, this.#starts)
  readonly #started = new Set<Unit>()
  readonly #timed = new Set<Unit>()
  readonly #stopping = new Stopping()

  constructor(graph: CompiledGraph, runId: string) {
    this.#graph = graph
    this.#run = { id: runId }
  }

  get phase(): RunPhase {
    if (this.#phase !== 'running') return this.#phase
    return this.#root?.stop !== undefined ? 'stopping' : this.#isPaused ? 'paused' : 'running'
  }

  get isStarted(): boolean {
    return this.#root !== undefined
  }

  /** How it ended. */
  get ending(): { readonly outputs?: Outputs; readonly error?: NodeError; readonly node?: string } {
    return this.#ending
  }

  get hasEnded(): boolean {
    return this.#phase !== 'running'
  }

  get hasCalls(): boolean {
    return (this.#root?.calls ?? 0) > 0
  }

  /** The calls that are under way, in the order in which they started. */
  *calls(): Generator<Call> {
    for (const unit of this.#started) {
      if (unit.task.node.work === 'call') yield { node: unit.path, attempt: unit.attempt, unit }
    }
  }

  /** Those of them that nobody waits for any more: they should stop. */
  *callsToStop(): Generator<Call> {
    if (!this.#stopping.isAny) return
    for (const call of this.calls()) if (call.unit.task.scope.isStopping) yield call
  }

  call(node: string): Call | undefined {
    const unit = this.#units.find(node)
    if (unit?.state !== 'started' || unit.task.node.work !== 'call') return undefined
    return { node, attempt: unit.attempt, unit }
  }

  /** The earliest time at which `advance` would have something new to say by itself, in milliseconds since 1970. */
  get nextTime(): number | undefined {
    if (this.hasEnded) return undefined
    let next = this.#root?.stop === undefined ? this.#deadline : undefined
    for (const { until } of this.#timed) if (until !== undefined && (next === undefined || until < next)) next = until
    return next
  }

  /** What a node is given. @throws as `Expression.evaluate` */
  inputOf(unit: Unit): JsonObject {
    if (unit.input === undefined) {
      const { task, index } = unit
      const { scope, node } = task
      const input = scope.evaluate(
        node.input,
        task,
        index === undefined ? undefined : { item: itemsOf(task)[index] ?? null, index },
      )
      unit.input = portValues(unit.path, node.source.type, input as JsonObject)
    }
    return unit.input as JsonObject
  }

  /** What a failed attempt leads to: another one, or the end of the node. @param chance from 0 to 1, for the jitter */
  failure(node: string, error: NodeError, now: number, chance: number): NewRunEvent {
    const { attempt, task } = this.#units.get(node)
    const { maxAttempts, backoffMs, factor, jitter } = retryOf(task.node)
    if (attempt >= maxAttempts || !isWorthRetrying(error) || task.scope.isStopping) {
      return { type: 'node-failed', node, attempt, error }
    }
    const pauseMs = Math.min(3_600_000, backoffMs * factor ** (attempt - 1)) * (1 - jitter * chance)
    return { type: 'node-retrying', node, attempt, error, until: Math.round(now + pauseMs) }
  }

  /** What follows at this time without anybody's doing, until only calls, waits and signals are left. Applied already.
   *  @param chance from 0 to 1, for the jitter of what is tried again; default 0: none */
  advance(now: number, chance = 0): RunEvent[] {
    const events: RunEvent[] = []
    if (this.#root === undefined || this.hasEnded) return events
    const emit = (event: NewRunEvent) => {
      const dated = { at: now, ...event } as RunEvent
      events.push(dated)
      this.apply(dated)
    }
    const moment: Moment = { now, chance, emit }
    if (this.#deadline !== undefined && now >= this.#deadline && this.#root.stop === undefined) {
      emit({ type: 'run-stopping', why: 'timeout' })
    }
    this.#timeOut(moment)
    while (!this.hasEnded && this.#step(moment)) {
      // Until nothing follows any more.
    }
    return events
  }

  /** @throws DATA_LOSS (LOG_CONTRADICTS) if the event cannot have happened */
  apply(event: RunEvent): void {
    if (event.type === 'run-started') {
      const { timeoutMs } = this.#graph.source
      this.#deadline = timeoutMs === undefined ? undefined : event.at + timeoutMs
      this.#root = this.#open(this.#graph, event.inputs)
      return
    }
    const root = this.#root
    if (root === undefined) throw logContradicts(`The log of the run has ${event.type} where the run has not started`)
    if (this.hasEnded) throw logContradicts(`The log of the run has ${event.type} where the run has ended`)
    switch (event.type) {
      case 'run-paused':
      case 'run-resumed':
        this.#isPaused = event.type === 'run-paused'
        break
      case 'run-stopping':
        this.#halt(root, { why: event.why, ...(event.why === 'timeout' ? { error: runTimeout(this.#graph) } : {}) })
        break
      case 'run-completed':
      case 'run-failed':
      case 'run-cancelled':
        this.#phase = endStates[event.type]
        if (event.type !== 'run-cancelled') this.#ending = event
        break
      case 'signal-received':
        this.#approvals.receive(event.name, event.payload)
        break
      case 'node-expanded':
        this.#units.expand(this.#flow.task(event.node), event.count)
        break
      case 'node-started':
        this.#start(this.#units.get(event.node), event)
        break
      case 'node-stopping':
        this.#stopGraph(this.#units.get(event.node))
        break
      case 'node-completed':
        this.#settle(this.#units.get(event.node), 'completed', { outputs: event.outputs })
        break
      case 'node-retrying':
        this.#retry(this.#units.get(event.node), event)
        break
      case 'node-failed':
        this.#settle(this.#units.get(event.node), 'failed', { error: event.error })
        break
      case 'node-cancelled':
        this.#settle(this.#units.get(event.node), 'cancelled', {})
        break
      case 'node-skipped':
        this.#skip(this.#flow.task(event.node), event.why === 'failed-before' ? 'blocked' : 'skipped')
        break
    }
  }

  /** What every node of the run is at, for pictures and lists. */
  *units(): Generator<{ readonly unit: Unit } | { readonly task: Task }> {
    yield* unitsOf(this.#root)
  }

  #timeOut({ now, emit }: Moment): void {
    for (const unit of this.#timed) {
      if (unit.until === undefined || unit.until > now) continue
      const { path: node, attempt, until } = unit
      if (unit.state === 'ready') {
        this.#timed.delete(unit)
        unit.until = undefined
        this.#starts.add(unit)
      } else if (unit.child !== undefined) emit({ type: 'node-stopping', node, attempt, why: 'timeout' })
      else if (this.#approvals.has(unit)) {
        emit({ type: 'node-failed', node, attempt, error: approvalTimeout(unit) })
      } else emit({ type: 'node-completed', node, attempt, outputs: { until: new Date(until).toISOString() } })
    }
  }

  /** One thing that follows. @returns whether there was one */
  #step(moment: Moment): boolean {
    const { emit } = moment
    const answer = this.#approvals.next((unit) => this.inputOf(unit)['signal'])
    if (answer !== undefined) {
      const { unit, payload } = answer
      const outputs = { approved: isApproved(payload), payload }
      emit({ type: 'node-completed', node: unit.path, attempt: unit.attempt, outputs })
      return true
    }
    const stopped = this.#stopping.next()
    if (stopped !== undefined) {
      this.#endStopped(stopped, moment)
      return true
    }
    if (this.#root?.stop !== undefined) return false
    const ended = this.#flow.nextEnded()
    if (ended !== undefined) {
      this.#end(ended, moment)
      return true
    }
    if (this.#isPaused) return false
    const task = this.#flow.nextDecidable()
    if (task !== undefined) {
      this.#decide(task, emit)
      return true
    }
    const unit = this.#starts.next()
    if (unit === undefined) return false
    this.#begin(unit, moment)
    return true
  }

  #decide(task: Task, emit: (event: NewRunEvent) => void): void {
    const { node, path } = task
    try {
      const why = skipOf(task)
      if (why !== undefined) return emit({ type: 'node-skipped', node: path, why })
      if (node.items === undefined) {
        task.state = 'open'
        return this.#units.offer(task)
      }
      emit({ type: 'node-expanded', node: path, count: itemsOf(task).length })
    } catch (error) {
      this.#units.open(task)
      emit({ type: 'node-failed', node: path, attempt: 1, error: nodeError(error) })
    }
  }

  /** Starts what needs the outside; does by itself what does not. */
  #begin(unit: Unit, { emit, now }: Moment): void {
    const { path: node, attempt, task } = unit
    const { graph, work } = task.node
    try {
      const input = this.inputOf(unit)
      if (work === 'pure') return emit({ type: 'node-completed', node, attempt, outputs: pureOutputs(unit, input) })
      if (graph !== undefined) checkInputs(graph.source, (input['inputs'] ?? {}) as JsonObject, `inputs of ${node}`)
      const awaits = task.node.source.type === 'approval' ? { awaits: signalName(input['signal'], node) } : {}
      emit({ type: 'node-started', node, attempt, ...untilOf(task.node, input, now), ...awaits })
    } catch (error) {
      emit({ type: 'node-failed', node, attempt, error: nodeError(error) })
    }
  }

  #start(unit: Unit, { at, attempt, until }: Extract<RunEvent, { readonly type: 'node-started' }>): void {
    if (unit.state === 'settled') throw logContradicts(`${unit.path} started after it had ended`)
    if (unit.state === 'waiting') unit.task.busy += 1
    unit.state = 'started'
    unit.attempt = attempt
    unit.startedAt = at
    unit.until = until
    if (until !== undefined) this.#timed.add(unit)
    this.#started.add(unit)
    const { node } = unit.task
    if (node.work === 'call') this.#starts.began(unit)
    if (node.source.type === 'approval') this.#approvals.add(unit)
    if (node.graph !== undefined) {
      const { inputs = {} } = this.inputOf(unit)
      unit.child = this.#open(node.graph, inputs as JsonObject, unit)
    }
  }

  #retry(unit: Unit, { attempt, until }: { readonly attempt: number; readonly until: number }): void {
    this.#leave(unit)
    unit.state = 'ready'
    unit.attempt = attempt + 1
    unit.until = until
    this.#timed.add(unit)
  }

  /** Takes a unit out of everything that knows it as running. */
  #leave(unit: Unit): void {
    if (this.#started.delete(unit) && unit.task.node.work === 'call') this.#starts.ended(unit)
    this.#timed.delete(unit)
    this.#approvals.delete(unit)
    if (unit.child !== undefined) this.#stopping.delete(unit.child)
  }

  #settle(unit: Unit, outcome: Outcome, { outputs, error }: { outputs?: Outputs; error?: NodeError }): void {
    if (unit.state === 'settled') throw logContradicts(`${unit.path} ended twice`)
    const { task } = unit
    if (unit.state !== 'waiting') task.busy -= 1
    this.#leave(unit)
    unit.state = 'settled'
    unit.outcome = outcome
    unit.outputs = outputs
    unit.error = error
    // What a node was given is not needed any more, and may be large.
    unit.input = undefined
    task.unsettled -= 1
    const stopped = outcome === 'failed' ? stoppedByFailure(unit) : undefined
    if (stopped !== undefined) this.#halt(stopped.scope, stopped.stop)
    if (task.unsettled > 0) return this.#units.offer(task)
    const failed = task.units.find((one) => one.outcome === 'failed')
    task.error = failed?.error
    this.#flow.settle(task, failed !== undefined ? 'failed' : outcome === 'cancelled' ? 'cancelled' : 'completed')
  }

  #skip(task: Task, outcome: 'skipped' | 'blocked'): void {
    if (task.state === 'settled') throw logContradicts(`${task.path} was skipped after it had ended`)
    this.#flow.settle(task, outcome)
  }

  #stopGraph(unit: Unit): void {
    if (unit.child === undefined) throw logContradicts(`${unit.path} is stopped, and has no graph`)
    this.#timed.delete(unit)
    unit.until = undefined
    this.#halt(unit.child, { why: 'timeout', error: graphTimeout(unit) })
  }

  /** Nothing of a graph starts any more; it ends once no call in it is under way. */
  #halt(scope: Scope, stop: Stop): void {
    if (!this.#stopping.add(scope, stop)) return
    const isWithin = ({ task }: Unit) => scope.holds(task.scope)
    for (const unit of this.#timed) if (isWithin(unit)) this.#timed.delete(unit)
    this.#approvals.drop(isWithin)
  }

  #endStopped(scope: Scope, { emit, now, chance }: Moment): void {
    const { parent, stop } = scope
    for (const { path: node, attempt, task } of [...this.#started].toReversed())
      if (scope.holds(task.scope)) emit({ type: 'node-cancelled', node, attempt })
    const { why = 'cancelled', error = { code: 'UNKNOWN', message: 'A node failed' }, node } = stop ?? {}
    if (parent !== undefined) emit(this.failure(parent.path, error, now, chance))
    else if (why === 'cancelled') emit({ type: 'run-cancelled' })
    else emit({ type: 'run-failed', error, ...(node === undefined ? {} : { node }) })
  }

  #open(graph: CompiledGraph, inputs: { readonly [name: string]: Json }, parent?: Unit): Scope {
    const scope = new Scope(graph, inputs, this.#run, parent)
    this.#flow.open(scope)
    return scope
  }

  /** A graph of which every node is settled. */
  #end(scope: Scope, { emit, now, chance }: Moment): void {
    const { parent } = scope
    let failure = scope.firstFailure()
    let outputs: Outputs = {}
    if (failure === undefined) {
      try {
        outputs = scope.evaluate(scope.graph.outputs) as Outputs
      } catch (error) {
        failure = { error: nodeError(error), node: '' }
      }
    }
    if (parent !== undefined) {
      const { path: node, attempt } = parent
      if (failure === undefined) emit({ type: 'node-completed', node, attempt, outputs })
      else emit(this.failure(node, failure.error, now, chance))
    } else if (failure === undefined) emit({ type: 'run-completed', outputs })
    else emit({ type: 'run-failed', error: failure.error, ...(failure.node === '' ? {} : { node: failure.node }) })
  }
}
