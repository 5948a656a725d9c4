import type { CompiledGraph, CompiledNode } from '../graph/compile.js'
import type { Values } from '../graph/expression.js'
import type { Json } from '../graph/graph.js'
import type { Template } from '../graph/template.js'
import type { NodeError, Outputs } from './events.js'

/** What became of a node. `blocked`: something before it failed. */
export type Outcome = 'completed' | 'failed' | 'skipped' | 'blocked' | 'cancelled'

/** Why a graph ends before all its nodes have. */
export interface Stop {
  readonly why: 'cancelled' | 'timeout' | 'failed'
  /** What it fails with, unless it is cancelled. */
  readonly error?: NodeError
  /** The node whose failure stops it. */
  readonly node?: string
}

/** One execution of a node: the node itself, or one item of it. */
export class Unit {
  readonly task: Task
  readonly index: number | undefined
  readonly path: string
  state: 'waiting' | 'ready' | 'started' | 'settled' = 'waiting'
  attempt = 1
  /** When its attempt began, by the record, in milliseconds since 1970. */
  startedAt = 0
  outcome: Outcome | undefined
  outputs: Outputs | undefined
  error: NodeError | undefined
  /** A time that it waits for: of its next attempt, or its end. */
  until: number | undefined
  input: Json | undefined
  child: Scope | undefined

  constructor(task: Task, index: number | undefined) {
    this.task = task
    this.index = index
    this.path = `${task.path}${index === undefined ? '' : `[${index}]`}`
  }
}

/** A node in a scope. */
export class Task {
  readonly scope: Scope
  readonly node: CompiledNode
  /** Of the loop that it is part of. */
  round = 0
  state: 'pending' | 'open' | 'settled' = 'pending'
  outcome: Outcome | undefined
  error: NodeError | undefined
  /** How many nodes before it are not settled. */
  missing: number
  units: Unit[] = []
  items: readonly Json[] | undefined
  unsettled = 0
  /** The next item that is to be started. */
  next = 0
  busy = 0
  /** Of a loop-breaker: what it gave to the round under way. */
  previous: Outputs | undefined
  #view: Outputs | undefined

  constructor(scope: Scope, node: CompiledNode) {
    this.scope = scope
    this.node = node
    this.missing = node.before.length
  }

  get path(): string {
    return `${this.scope.prefix}${this.node.id}${this.round === 0 ? '' : `#${this.round}`}`
  }

  /** Begins a new round. What lies before the loop is settled. */
  reset(): void {
    const { loop, before } = this.node
    this.round += 1
    this.state = 'pending'
    this.outcome = undefined
    this.error = undefined
    this.missing = before.filter((index) => loop?.body.includes(index)).length
    this.units = []
    this.items = undefined
    this.unsettled = 0
    this.next = 0
    this.busy = 0
    this.#view = undefined
  }

  /** What expressions see of it, once it is settled. */
  get view(): Outputs {
    this.#view ??= this.#makeView()
    return this.#view
  }

  /** A failed node that is not optional, and all that is behind one. */
  get isBlocking(): boolean {
    const { outcome } = this
    return outcome === 'blocked' || outcome === 'cancelled' || (outcome === 'failed' && !this.node.source.optional)
  }

  /** What the nodes of a loop see of its breaker: the round before. */
  get previousView(): Outputs {
    return this.previous === undefined
      ? { ...this.#nulls(), status: 'skipped', error: null }
      : { ...this.previous, status: 'completed', error: null }
  }

  #makeView(): Outputs {
    const status = this.outcome === 'completed' ? 'completed' : this.outcome === 'failed' ? 'failed' : 'skipped'
    const state = { status, error: this.error === undefined ? null : { ...this.error } }
    if (this.node.items === undefined) return { ...this.#nulls(), ...this.units[0]?.outputs, ...state }
    if (this.units.length === 0 && this.outcome !== 'completed') return { ...this.#nulls(), items: null, ...state }
    const ports = Object.keys(this.node.ports).map((port) => [
      port,
      this.units.map(({ outputs }) => outputs?.[port] ?? null),
    ])
    return { ...Object.fromEntries(ports), items: this.units.map(({ outputs }) => outputs ?? null), ...state }
  }

  #nulls(): Outputs {
    return Object.fromEntries(Object.keys(this.node.ports).map((port) => [port, null]))
  }
}

/** A graph that runs: the run's own, or one within, of one attempt of the node that holds it. */
export class Scope {
  readonly graph: CompiledGraph
  /** The unit of which this is the graph; absent: the run's own. */
  readonly parent: Unit | undefined
  readonly prefix: string
  readonly inputs: { readonly [name: string]: Json }
  readonly tasks: readonly Task[]
  readonly #run: { readonly id: string }
  unsettled: number
  /** Calls under way in it and in the graphs within it. */
  calls = 0
  /** What could start but for the limit of calls at once. */
  readonly held: Unit[] = []
  stop: Stop | undefined

  constructor(
    graph: CompiledGraph,
    inputs: { readonly [name: string]: Json },
    run: { readonly id: string },
    parent?: Unit,
  ) {
    this.graph = graph
    this.parent = parent
    // Another attempt of a graph is another graph: what is asked in it has keys of its own.
    this.prefix =
      parent === undefined ? '' : parent.attempt === 1 ? `${parent.path}/` : `${parent.path}@${parent.attempt}/`
    this.inputs = withDefaults(graph, inputs)
    this.tasks = graph.nodes.map((node) => new Task(this, node))
    this.unsettled = this.tasks.length
    this.#run = run
  }

  /** Whether it ends before its time, or a graph does that it lies in. */
  get isStopping(): boolean {
    return this.stop !== undefined || this.parent?.task.scope.isStopping === true
  }

  /** Whether a scope is this one, or lies in it. */
  holds(scope: Scope): boolean {
    return scope === this || (scope.parent !== undefined && this.holds(scope.parent.task.scope))
  }

  /** @throws as `Expression.evaluate` */
  evaluate(template: Template, of?: Task, unit?: { readonly item: Json; readonly index: number }): Json {
    if (template.literal !== undefined) return template.literal
    const nodes: { [id: string]: Json } = {}
    for (const { reference } of template.references) {
      if (reference.root !== 'nodes' || reference.name === undefined || Object.hasOwn(nodes, reference.name)) continue
      const task = this.tasks[this.graph.byId.get(reference.name)?.index ?? -1]
      if (task === undefined) continue
      const comesRound = task.node.loop?.breaker === task.node.index && of?.node.loop === task.node.loop
      nodes[reference.name] = comesRound ? task.previousView : task.view
    }
    const values: Values = { nodes, inputs: this.inputs, run: this.#run, ...unit }
    return template.evaluate(values)
  }

  /** The first in the order of the graph: the same, whatever happened first. */
  firstFailure(): { readonly error: NodeError; readonly node: string } | undefined {
    for (const task of this.tasks) {
      if (task.outcome !== 'failed' || task.node.source.optional) continue
      const unit = task.units.find(({ outcome }) => outcome === 'failed')
      const error = unit?.error ?? task.error
      if (error !== undefined) return { error, node: unit?.path ?? `${this.prefix}${task.node.id}` }
    }
    return undefined
  }
}

/** What every node is at, those of graphs within behind the node that holds them. */
export function* unitsOf(scope: Scope | undefined): Generator<{ readonly unit: Unit } | { readonly task: Task }> {
  for (const task of scope?.tasks ?? []) {
    if (task.units.length === 0) yield { task }
    for (const unit of task.units) {
      yield { unit }
      yield* unitsOf(unit.child)
    }
  }
}

function withDefaults(
  { source }: CompiledGraph,
  given: { readonly [name: string]: Json },
): { readonly [name: string]: Json } {
  const defaults = Object.entries(source.inputs).flatMap(([name, schema]) =>
    Object.hasOwn(given, name) ? [] : [[name, schema['default'] ?? null] as const],
  )
  return { ...Object.fromEntries(defaults), ...given }
}
