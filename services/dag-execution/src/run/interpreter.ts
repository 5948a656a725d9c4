// Above 400 lines: everything that decides what a run does next is here, so that it can be read and tested as one thing.
import { HoldfastError } from '@holdfast/errors'
import type { CompiledGraph } from '../graph/compile.js'
import { type Json, type JsonObject, isObject } from '../graph/graph.js'
import { checkInputs } from '../graph/inputs.js'
import { defaultRetry } from '../graph/parse-graph.js'
import { portValues } from '../graph/port-values.js'
import type { NewRunEvent, NodeError, Outputs, RunEvent, RunPhase } from './events.js'
import { nodeError, isWorthRetrying } from './node-error.js'
import { type Outcome, Scope, type Task, Unit } from './scope.js'

/** A call that is to be made, or is under way. */
export interface Call {
  readonly node: string
  readonly attempt: number
  readonly unit: Unit
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
  #stopping:
    | { readonly why: 'cancelled' | 'timeout' | 'failed'; readonly error?: NodeError; readonly node?: string }
    | undefined
  #deadline: number | undefined
  /** What they lead to is not worked out yet. */
  #decidable: Task[] = []
  #ready: Unit[] = []
  #ended: Scope[] = []
  readonly #units = new Map<string, Unit>()
  readonly #tasks = new Map<string, Task>()
  readonly #started = new Set<Unit>()
  readonly #timed = new Set<Unit>()
  readonly #approvals = new Set<Unit>()
  readonly #signals = new Map<string, Json[]>()
  #calls = 0

  constructor(graph: CompiledGraph, runId: string) {
    this.#graph = graph
    this.#run = { id: runId }
  }

  get phase(): RunPhase {
    if (this.#phase !== 'running') return this.#phase
    return this.#stopping !== undefined ? 'stopping' : this.#isPaused ? 'paused' : 'running'
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

  /** The calls that are under way, in the order in which they started. */
  *calls(): Generator<Call> {
    for (const unit of this.#started) {
      if (unit.task.node.work === 'call') yield { node: unit.path, attempt: unit.attempt, unit }
    }
  }

  call(node: string): Call | undefined {
    const unit = this.#units.get(node)
    if (unit?.state !== 'started' || unit.task.node.work !== 'call') return undefined
    return { node, attempt: unit.attempt, unit }
  }

  /** The earliest time at which `advance` would have something new to say by itself, in milliseconds since 1970. */
  get nextTime(): number | undefined {
    if (this.hasEnded) return undefined
    let next = this.#stopping === undefined ? this.#deadline : undefined
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
    const unit = this.#unit(node)
    const { attempt } = unit
    const { maxAttempts, backoffMs, factor, jitter } = unit.task.node.source.retry ?? defaultRetry
    if (attempt >= maxAttempts || !isWorthRetrying(error) || this.#stopping !== undefined) {
      return { type: 'node-failed', node, attempt, error }
    }
    const pauseMs = Math.min(3_600_000, backoffMs * factor ** (attempt - 1)) * (1 - jitter * chance)
    return { type: 'node-retrying', node, attempt, error, until: Math.round(now + pauseMs) }
  }

  /** What follows at this time without anybody's doing, until only calls, waits and signals are left. Applied already. */
  advance(now: number): RunEvent[] {
    const events: RunEvent[] = []
    const emit = (event: NewRunEvent) => {
      const dated = { at: now, ...event } as RunEvent
      events.push(dated)
      this.apply(dated)
    }
    if (this.#root === undefined || this.hasEnded) return events
    if (this.#deadline !== undefined && now >= this.#deadline && this.#stopping === undefined) {
      emit({ type: 'run-stopping', why: 'timeout' })
    }
    this.#timeOut(now, emit)
    while (!this.hasEnded && this.#step(now, emit)) {
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
    if (this.#root === undefined) throw contradiction(event, 'the run has not started')
    if (this.hasEnded) throw contradiction(event, 'the run has ended')
    switch (event.type) {
      case 'run-paused':
      case 'run-resumed':
        this.#isPaused = event.type === 'run-paused'
        break
      case 'run-stopping':
        this.#stopping ??= { why: event.why }
        break
      case 'run-completed':
        this.#phase = 'succeeded'
        this.#ending = event
        break
      case 'run-failed':
        this.#phase = 'failed'
        this.#ending = event
        break
      case 'run-cancelled':
        this.#phase = 'cancelled'
        break
      case 'signal-received':
        this.#signals.set(event.name, [...(this.#signals.get(event.name) ?? []), event.payload])
        break
      case 'node-expanded':
        this.#expand(event.node, event.count)
        break
      case 'node-started':
        this.#start(this.#unit(event.node), event.attempt, event.until)
        break
      case 'node-progress':
        break
      case 'node-completed':
        this.#settle(this.#unit(event.node), 'completed', { outputs: event.outputs })
        break
      case 'node-retrying':
        this.#retry(this.#unit(event.node), event)
        break
      case 'node-failed':
        this.#settle(this.#unit(event.node), 'failed', { error: event.error })
        break
      case 'node-cancelled':
        this.#settle(this.#unit(event.node), 'cancelled', {})
        break
      case 'node-skipped':
        this.#skip(this.#task(event.node), event.why === 'failed-before' ? 'blocked' : 'skipped')
        break
    }
  }

  /** What every node of the run is at, for pictures and lists. */
  *units(): Generator<{ readonly unit: Unit } | { readonly task: Task }> {
    yield* unitsOf(this.#root)
  }

  #timeOut(now: number, emit: (event: NewRunEvent) => void): void {
    for (const unit of this.#timed) {
      if (unit.until === undefined || unit.until > now) continue
      const { path: node, attempt, until } = unit
      if (unit.state === 'ready') {
        this.#timed.delete(unit)
        unit.until = undefined
        this.#ready.push(unit)
      } else if (this.#approvals.has(unit)) {
        const error = {
          code: 'DEADLINE_EXCEEDED',
          message: `Nobody has answered ${node} in time`,
          reason: 'APPROVAL_TIMEOUT',
        } as const
        emit({ type: 'node-failed', node, attempt, error })
      } else emit({ type: 'node-completed', node, attempt, outputs: { until: new Date(until).toISOString() } })
    }
  }

  /** One thing that follows. @returns whether there was one */
  #step(now: number, emit: (event: NewRunEvent) => void): boolean {
    const approved = this.#nextApproval()
    if (approved !== undefined) {
      emit(approved)
      return true
    }
    if (this.#stopping !== undefined) return this.#stop(emit)
    const scope = this.#ended.pop()
    if (scope !== undefined) {
      this.#end(scope, emit)
      return true
    }
    if (this.#isPaused) return false
    // A stack, onto which nodes are put from the last to the first, so that they start in the order of the graph.
    const task = this.#decidable.pop()
    if (task !== undefined) {
      // It may stand here from an earlier round, when that was read from a log.
      if (task.state === 'pending' && task.missing === 0) this.#decide(task, emit)
      return true
    }
    if (this.#calls >= this.#graph.source.concurrency) return false
    const unit = this.#ready.shift()
    if (unit === undefined) return false
    // A unit that is to be tried again later may stand here from its first attempt, when it was read from a log.
    if (unit.state === 'ready' && unit.until === undefined) this.#begin(unit, emit, now)
    return true
  }

  #decide(task: Task, emit: (event: NewRunEvent) => void): void {
    const { scope, node } = task
    const path = pathOf(task)
    const before = node.before.map((index) => scope.tasks[index] as Task)
    if (before.some(isBlocking)) return emit({ type: 'node-skipped', node: path, why: 'failed-before' })
    if (before.length > 0 && before.every(({ outcome }) => outcome === 'skipped')) {
      return emit({ type: 'node-skipped', node: path, why: 'skipped-before' })
    }
    try {
      if (node.when !== undefined) {
        const isTrue = scope.evaluate(node.when, task)
        if (typeof isTrue !== 'boolean') throw notA(`when of ${path}`, 'true or false', isTrue)
        if (!isTrue) return emit({ type: 'node-skipped', node: path, why: 'when' })
      }
      if (node.items === undefined) {
        task.state = 'open'
        return this.#offer(task)
      }
      emit({ type: 'node-expanded', node: path, count: itemsOf(task).length })
    } catch (error) {
      this.#openUnits(task, undefined)
      emit({ type: 'node-failed', node: path, attempt: 1, error: nodeError(error) })
    }
  }

  /** Makes the units of a node and puts as many of them as may run at once where they can start. */
  #offer(task: Task): void {
    if (task.units.length === 0 && task.items === undefined) this.#openUnits(task, undefined)
    const limit = task.node.source.concurrency ?? Number.POSITIVE_INFINITY
    while (task.busy < limit && task.next < task.units.length) {
      const unit = task.units[task.next] as Unit
      task.next += 1
      if (unit.state !== 'waiting') continue
      unit.state = 'ready'
      task.busy += 1
      this.#ready.push(unit)
    }
  }

  #openUnits(task: Task, count: number | undefined): void {
    task.state = 'open'
    task.units =
      count === undefined
        ? [new Unit(task, undefined)]
        : Array.from({ length: count }, (_, index) => new Unit(task, index))
    task.unsettled = task.units.length
    for (const unit of task.units) this.#units.set(unit.path, unit)
  }

  #expand(path: string, count: number): void {
    const task = this.#task(path)
    task.items ??= []
    this.#openUnits(task, count)
    if (count === 0) this.#settleTask(task, 'completed')
    else this.#offer(task)
  }

  /** Starts what needs the outside; does by itself what does not. */
  #begin(unit: Unit, emit: (event: NewRunEvent) => void, now: number): void {
    const { path: node, attempt, task } = unit
    const { source, work } = task.node
    try {
      const input = this.inputOf(unit)
      if (work === 'pure') return emit({ type: 'node-completed', node, attempt, outputs: pureOutputs(unit, input) })
      if (task.node.graph !== undefined)
        checkInputs(task.node.graph.source, (input['inputs'] ?? {}) as JsonObject, `inputs of ${node}`)
      emit({ type: 'node-started', node, attempt, ...untilOf(source, input, now) })
    } catch (error) {
      emit({ type: 'node-failed', node, attempt, error: nodeError(error) })
    }
  }

  #start(unit: Unit, attempt: number, until: number | undefined): void {
    if (unit.state === 'settled')
      throw new HoldfastError('DATA_LOSS', `${unit.path} started after it had ended`, logContradicts)
    if (unit.state === 'waiting') unit.task.busy += 1
    unit.state = 'started'
    unit.attempt = attempt
    unit.until = until
    if (until !== undefined) this.#timed.add(unit)
    this.#started.add(unit)
    const { node } = unit.task
    if (node.work === 'call') this.#calls += 1
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
    if (this.#started.delete(unit) && unit.task.node.work === 'call') this.#calls -= 1
    this.#timed.delete(unit)
    this.#approvals.delete(unit)
  }

  #settle(unit: Unit, outcome: Outcome, { outputs, error }: { outputs?: Outputs; error?: NodeError }): void {
    if (unit.state === 'settled') throw new HoldfastError('DATA_LOSS', `${unit.path} ended twice`, logContradicts)
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
    if (outcome === 'failed') this.#noteFailure(unit)
    if (task.unsettled > 0) return this.#offer(task)
    const failed = task.units.find((one) => one.outcome === 'failed')
    task.error = failed?.error
    this.#settleTask(task, failed !== undefined ? 'failed' : outcome === 'cancelled' ? 'cancelled' : 'completed')
  }

  /** With `fail-fast`, a failure that nothing on its way up puts up with stops the run. */
  #noteFailure(unit: Unit): void {
    if (this.#graph.source.onFailure !== 'fail-fast' || this.#stopping !== undefined) return
    for (let one: Unit | undefined = unit; one !== undefined; one = one.task.scope.parent) {
      if (one.task.node.source.optional) return
    }
    this.#stopping = { why: 'failed', node: unit.path, ...(unit.error === undefined ? {} : { error: unit.error }) }
  }

  #skip(task: Task, outcome: 'skipped' | 'blocked'): void {
    if (task.state === 'settled')
      throw new HoldfastError('DATA_LOSS', `${pathOf(task)} was skipped after it had ended`, logContradicts)
    this.#settleTask(task, outcome)
  }

  #settleTask(task: Task, outcome: Outcome): void {
    const { scope, node } = task
    task.state = 'settled'
    task.outcome = outcome
    if (node.loop === undefined) {
      scope.unsettled -= 1
      this.#release(task, node.behind)
    } else if (node.index !== node.loop.breaker) {
      const { body } = node.loop
      this.#release(
        task,
        node.behind.filter((index) => body.includes(index)),
      )
    } else if (outcome === 'completed' && task.units[0]?.outputs?.['done'] === false) {
      this.#nextRound(task, task.units[0].outputs)
    } else {
      const { body } = node.loop
      scope.unsettled -= body.length
      for (const index of body) {
        const one = scope.tasks[index] as Task
        this.#release(
          one,
          one.node.behind.filter((other) => !body.includes(other)),
        )
      }
    }
    if (scope.unsettled === 0) this.#ended.push(scope)
  }

  #release({ scope }: Task, behind: readonly number[]): void {
    for (const index of behind.toReversed()) {
      const next = scope.tasks[index] as Task
      next.missing -= 1
      if (next.missing === 0 && next.state === 'pending') this.#decidable.push(next)
    }
  }

  #nextRound({ scope, node }: Task, outputs: Outputs): void {
    for (const index of node.loop?.body ?? []) {
      const task = scope.tasks[index] as Task
      task.reset()
      if (index === node.index) task.previous = outputs
      this.#tasks.set(pathOf(task), task)
      if (task.missing === 0) this.#decidable.push(task)
    }
  }

  #open(graph: CompiledGraph, inputs: { readonly [name: string]: Json }, parent?: Unit): Scope {
    const scope = new Scope(graph, inputs, this.#run, parent)
    for (const task of scope.tasks.toReversed()) {
      this.#tasks.set(pathOf(task), task)
      if (task.missing === 0) this.#decidable.push(task)
    }
    return scope
  }

  /** A graph of which every node is settled. */
  #end(scope: Scope, emit: (event: NewRunEvent) => void): void {
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
      if (parent.state !== 'started') return
      if (failure === undefined) emit({ type: 'node-completed', node, attempt, outputs })
      else emit({ type: 'node-failed', node, attempt, error: failure.error })
    } else if (failure === undefined) emit({ type: 'run-completed', outputs })
    else emit({ type: 'run-failed', error: failure.error, ...(failure.node === '' ? {} : { node: failure.node }) })
  }

  /** Ends the run once no call is under way. @returns whether it did something */
  #stop(emit: (event: NewRunEvent) => void): boolean {
    if (this.#calls > 0) return false
    for (const { path: node, attempt } of [...this.#started].toReversed())
      emit({ type: 'node-cancelled', node, attempt })
    const { why, error, node } = this.#stopping ?? { why: 'cancelled' }
    if (why === 'cancelled') emit({ type: 'run-cancelled' })
    else if (why === 'timeout') {
      const message = `The run took longer than ${this.#graph.source.timeoutMs} ms`
      emit({ type: 'run-failed', error: { code: 'DEADLINE_EXCEEDED', message, reason: 'RUN_TIMEOUT' } })
    } else
      emit({
        type: 'run-failed',
        error: error ?? { code: 'UNKNOWN', message: 'A node failed' },
        ...(node === undefined ? {} : { node }),
      })
    return true
  }

  #nextApproval(): NewRunEvent | undefined {
    if (this.#signals.size === 0) return undefined
    for (const unit of this.#approvals) {
      const { signal } = this.inputOf(unit)
      const name = typeof signal === 'string' ? signal : unit.path
      const [payload, ...rest] = this.#signals.get(name) ?? []
      if (payload === undefined) continue
      if (rest.length === 0) this.#signals.delete(name)
      else this.#signals.set(name, rest)
      const { path: node, attempt } = unit
      return { type: 'node-completed', node, attempt, outputs: { approved: isApproved(payload), payload } }
    }
    return undefined
  }

  #unit(path: string): Unit {
    const known = this.#units.get(path)
    if (known !== undefined) return known
    const task = this.#tasks.get(path)
    if (task === undefined) throw new HoldfastError('DATA_LOSS', `The run has no node ${path}`, logContradicts)
    this.#openUnits(task, undefined)
    return task.units[0] as Unit
  }

  #task(path: string): Task {
    const task = this.#tasks.get(path)
    if (task === undefined) throw new HoldfastError('DATA_LOSS', `The run has no node ${path}`, logContradicts)
    return task
  }
}

const logContradicts = { reason: 'LOG_CONTRADICTS' } as const

function contradiction({ type }: RunEvent, why: string): HoldfastError {
  return new HoldfastError('DATA_LOSS', `The log of the run has ${type} where ${why}`, logContradicts)
}

function pathOf({ scope, node, round }: Task): string {
  return `${scope.prefix}${node.id}${round === 0 ? '' : `#${round}`}`
}

/** A failed node that is not optional, and all that is behind one. */
function isBlocking({ outcome, node }: Task): boolean {
  return outcome === 'blocked' || outcome === 'cancelled' || (outcome === 'failed' && !node.source.optional)
}

function itemsOf(task: Task): readonly Json[] {
  const { scope, node } = task
  if (task.items === undefined || (task.items.length === 0 && task.units.length > 0)) {
    const items = node.items === undefined ? [] : scope.evaluate(node.items, task)
    if (!Array.isArray(items)) throw notA(`forEach of ${pathOf(task)}`, 'a list', items)
    if (items.length > maxItems)
      throw new HoldfastError(
        'INVALID_ARGUMENT',
        `forEach of ${pathOf(task)} has ${items.length} items, and at most ${maxItems} can be run`,
      )
    task.items = items as readonly Json[]
  }
  return task.items
}

const maxItems = 10_000

function pureOutputs({ task }: Unit, input: JsonObject): Outputs {
  const { node, round } = task
  if (node.source.type === 'transform') return { value: input['value'] ?? null }
  if (node.source.type === 'condition') {
    const { if: result } = input
    if (typeof result !== 'boolean') throw notA(`if of ${pathOf(task)}`, 'true or false', result)
    return { result }
  }
  const { until = false, value = null } = input
  if (typeof until !== 'boolean') throw notA(`until of ${pathOf(task)}`, 'true or false', until)
  return { value, iteration: round, done: until || round + 1 >= Number(input['max']) }
}

function untilOf(
  { type, timeoutMs }: { type: string; timeoutMs?: number },
  input: JsonObject,
  now: number,
): { until?: number } {
  if (type === 'approval') return timeoutMs === undefined ? {} : { until: now + timeoutMs }
  if (type !== 'wait') return {}
  const { ms, until } = input
  if (typeof ms === 'number' && ms >= 0 && ms <= 10 * 365 * 86_400_000) return { until: Math.round(now + ms) }
  const moment = typeof until === 'string' ? Date.parse(until) : Number.NaN
  if (!Number.isNaN(moment)) return { until: moment }
  throw notA('ms or until', 'a time', ms ?? until)
}

/** Yes, unless it says no. */
function isApproved(payload: Json): boolean {
  return isObject(payload) ? payload['approved'] !== false : payload !== false
}

function notA(what: string, asked: string, value: unknown): HoldfastError {
  return new HoldfastError(
    'INVALID_ARGUMENT',
    `${what} must be ${asked}, and is ${JSON.stringify(value)?.slice(0, 100)}`,
    { reason: 'EXPRESSION_FAILED' },
  )
}

function* unitsOf(scope: Scope | undefined): Generator<{ readonly unit: Unit } | { readonly task: Task }> {
  for (const task of scope?.tasks ?? []) {
    if (task.units.length === 0) yield { task }
    for (const unit of task.units) {
      yield { unit }
      yield* unitsOf(unit.child)
    }
  }
}
