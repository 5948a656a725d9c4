import { components, wayRound } from './cycles.js'
import type { Reference } from './expression.js'
import { type Graph, type GraphNode, type Json, isObject } from './graph.js'
import {
  type NodeTypeDescription,
  type PortType,
  fits,
  nodeTypeDescriptions,
  statePorts,
  typeOfExpression,
  typeOfSchema,
  typeOfValue,
} from './node-types.js'
import { parseGraph } from './parse-graph.js'
import { Problems, at } from './problems.js'
import { type Template, parseCondition, parseTemplate } from './template.js'

export interface CompiledNode {
  readonly id: string
  /** Its place among the nodes of its graph. */
  readonly index: number
  readonly source: GraphNode
  readonly work: NodeTypeDescription['work']
  readonly input: Template
  readonly when: Template | undefined
  readonly items: Template | undefined
  /** Ports of one item. */
  readonly ports: { readonly [port: string]: PortType }
  /** What must be settled before; without what comes back round a cycle. */
  readonly before: readonly number[]
  readonly behind: readonly number[]
  /** The cycle that it is part of. */
  readonly loop: CompiledLoop | undefined
  readonly graph: CompiledGraph | undefined
}

/** A cycle: its nodes run round after round, until its breaker ends it. Those behind it see the last round. */
export interface CompiledLoop {
  readonly breaker: number
  /** All of it, the breaker included. */
  readonly body: readonly number[]
}

/** A graph that is known to be valid, with everything worked out that does not depend on a run. */
export interface CompiledGraph {
  readonly source: Graph
  readonly nodes: readonly CompiledNode[]
  readonly byId: ReadonlyMap<string, CompiledNode>
  readonly loops: readonly CompiledLoop[]
  readonly outputs: Template
}

/** How deep graphs may lie in each other. */
const maxDepth = 16

/** @throws INVALID_ARGUMENT (GRAPH_INVALID) with a field for each problem */
export function compileGraph(value: unknown): CompiledGraph {
  const problems = new Problems()
  const compiled = compile(value, '', problems, 0)
  problems.throwIfAny()
  return compiled
}

interface Draft {
  readonly node: GraphNode
  readonly path: string
  readonly input: Template
  readonly when: Template | undefined
  readonly items: Template | undefined
  readonly graph: CompiledGraph | undefined
  readonly ports: { readonly [port: string]: PortType }
}

function compile(value: unknown, path: string, problems: Problems, depth: number): CompiledGraph {
  const graph = parseGraph(value, problems, path)
  if (depth > maxDepth) {
    problems.add(path, `lies more than ${maxDepth} graphs deep`)
    return { source: graph, nodes: [], byId: new Map(), loops: [], outputs: parseTemplate({}, path, problems) }
  }
  const places = placesOf(graph, path, problems)
  const drafts = graph.nodes.map((node, index) => draftOf(node, at(at(path, 'nodes'), index), problems, depth))
  const outputs = parseTemplate(graph.outputs, at(path, 'outputs'), problems)
  const check = new Checks(graph, drafts, places, problems)
  const after = drafts.map((draft) => check.predecessors(draft))
  check.references(outputs, undefined)
  const { loops, before } = loopsOf(drafts, after, graph, path, problems)
  if (graph.kind === 'tree') checkTree(drafts, before, problems)
  checkReachable(drafts, before, problems)
  const behind: number[][] = drafts.map(() => [])
  for (const [index, ones] of before.entries()) for (const one of ones) behind[one]?.push(index)
  const loopOf = new Map(loops.flatMap((loop) => loop.body.map((index) => [index, loop] as const)))
  const nodes = drafts.map(({ node, input, when, items, graph: inner, ports }, index): CompiledNode => ({
    id: node.id,
    index,
    source: node,
    work: nodeTypeDescriptions[node.type].work,
    input,
    when,
    items,
    ports,
    before: before[index] ?? [],
    behind: behind[index] ?? [],
    loop: loopOf.get(index),
    graph: inner,
  }))
  return { source: graph, nodes, byId: new Map(nodes.map((node) => [node.id, node])), loops, outputs }
}

function placesOf(graph: Graph, path: string, problems: Problems): Map<string, number> {
  const places = new Map<string, number>()
  for (const [index, { id }] of graph.nodes.entries()) {
    const first = places.get(id)
    if (first === undefined) places.set(id, index)
    else if (id !== '')
      problems.add(at(at(at(path, 'nodes'), index), 'id'), `is ${id}, as nodes[${first}] is called already`)
  }
  return places
}

function draftOf(node: GraphNode, path: string, problems: Problems, depth: number): Draft {
  const { with: input, type } = node
  const withPath = at(path, 'with')
  const { graph: inner, items, ...rest } = input
  const isGraph = type === 'sub-graph' || type === 'for-each'
  let compiled: CompiledGraph | undefined
  if (isGraph && isObject(inner)) compiled = compile(inner, at(withPath, 'graph'), problems, depth + 1)
  else if (isGraph && inner !== undefined) {
    problems.add(
      at(withPath, 'graph'),
      `must be a graph; ${JSON.stringify(inner)} is the name of one that is not known here`,
    )
  }
  const given = isGraph ? graphInput(type, rest, compiled) : input
  const template = parseTemplate(given, withPath, problems)
  const { when, forEach } = node
  let each: Template | undefined
  if (forEach !== undefined) each = parseCondition(forEach, at(path, 'forEach'), problems)
  else if (type === 'for-each' && items !== undefined) each = parseTemplate(items, at(withPath, 'items'), problems)
  return {
    node,
    path,
    input: template,
    when: when === undefined ? undefined : parseCondition(when, at(path, 'when'), problems),
    items: each,
    graph: compiled,
    ports: compiled === undefined ? nodeTypeDescriptions[type].outputs : portsOf(compiled),
  }
}

/** What a graph within the graph is given. */
function graphInput(type: string, rest: { readonly [member: string]: Json }, graph: CompiledGraph | undefined): Json {
  const { inputs } = rest
  if (inputs !== undefined) return { ...rest, inputs }
  const takesItem = type === 'for-each' && graph !== undefined && Object.hasOwn(graph.source.inputs, 'item')
  return { ...rest, inputs: takesItem ? { item: '${{ item }}' } : {} }
}

function portsOf({ source }: CompiledGraph): { readonly [port: string]: PortType } {
  return Object.fromEntries(
    Object.entries(source.outputs).map(([name, value]) => [
      name,
      typeof value === 'string' && value.includes('${{') ? 'any' : typeOfValue(value),
    ]),
  )
}

/** What only all nodes together can tell: names, ports, types. */
class Checks {
  readonly #graph: Graph
  readonly #drafts: readonly Draft[]
  readonly #places: ReadonlyMap<string, number>
  readonly #problems: Problems

  constructor(graph: Graph, drafts: readonly Draft[], places: ReadonlyMap<string, number>, problems: Problems) {
    this.#graph = graph
    this.#drafts = drafts
    this.#places = places
    this.#problems = problems
  }

  /** The nodes before one, each once. */
  predecessors(draft: Draft): number[] {
    const { node, path, input, when, items } = draft
    const found = new Set<number>()
    for (const [index, id] of node.needs.entries()) {
      const place = this.#places.get(id)
      if (place === undefined) this.#problems.add(at(at(path, 'needs'), index), this.#unknownNode(id))
      else found.add(place)
    }
    for (const template of [input, when, items]) {
      if (template === undefined) continue
      for (const place of this.references(template, template === input ? draft : undefined, template === items))
        found.add(place)
    }
    this.#checkPorts(draft)
    return [...found].sort((a, b) => a - b)
  }

  /** @param of the node whose input it is: it may know `item`
   *  @returns the nodes that it looks at */
  references(template: Template, of: Draft | undefined, isItems = false): number[] {
    const found: number[] = []
    for (const { reference, path } of template.references) {
      const place = this.#check(reference, path, of, isItems)
      if (place !== undefined) found.push(place)
    }
    return found
  }

  #check({ root, name, path }: Reference, where: string, of: Draft | undefined, isItems: boolean): number | undefined {
    const problem = (message: string) => this.#problems.add(where, message)
    if (root === 'item' || root === 'index') {
      if (of?.items === undefined || isItems)
        problem(`uses ${root}, which is there only in the input of a node with forEach`)
      return undefined
    }
    if (root === 'run') {
      if (path[0] !== 'id' || path.length > 1) problem('uses run: there is only run.id')
      return undefined
    }
    if (name === undefined) {
      problem(`uses ${root} as a whole: name one of them, as in ${root}.x`)
      return undefined
    }
    if (root === 'inputs') {
      if (!Object.hasOwn(this.#graph.inputs, name)) {
        problem(`uses inputs.${name}, which the graph does not have${nearest(Object.keys(this.#graph.inputs))}`)
      }
      return undefined
    }
    const place = this.#places.get(name)
    const draft = place === undefined ? undefined : this.#drafts[place]
    if (draft === undefined) {
      problem(this.#unknownNode(name))
      return undefined
    }
    const [port] = path
    if (port !== undefined && portType(draft, port) === undefined) {
      problem(
        `uses nodes.${name}.${port}, which a node of type ${draft.node.type} does not have${nearest(portNames(draft))}`,
      )
    }
    return place
  }

  #unknownNode(id: string): string {
    return `names the node ${id}, which is not there${nearest([...this.#places.keys()].slice(0, 20))}`
  }

  #checkPorts({ node, path, graph, input: given }: Draft): void {
    const { inputs } = nodeTypeDescriptions[node.type]
    const withPath = at(path, 'with')
    for (const name of Object.keys(node.with)) {
      if (!Object.hasOwn(inputs, name)) {
        this.#problems.add(
          at(withPath, name),
          `is no input of a node of type ${node.type}${nearest(Object.keys(inputs))}`,
        )
      }
    }
    for (const [name, { type, required = false, oneOf }] of Object.entries(inputs)) {
      const value = node.with[name]
      const where = at(withPath, name)
      if (value === undefined) {
        if (required) this.#problems.add(where, 'is missing')
        continue
      }
      const actual = this.#typeOf(value)
      if (actual !== undefined && !fits(actual, type)) this.#problems.add(where, mismatch(actual, type))
      else if (oneOf !== undefined && typeof value === 'string' && !value.includes('${{') && !oneOf.includes(value)) {
        this.#problems.add(where, `must be one of ${oneOf.join(', ')}`)
      }
    }
    this.#checkSpecial(node, withPath)
    if (graph !== undefined) this.#checkGraphInputs(node, graph, given, at(withPath, 'inputs'))
  }

  #checkSpecial({ type, with: input }: GraphNode, path: string): void {
    const { max } = input
    if (
      type === 'loop-breaker' &&
      max !== undefined &&
      !(Number.isSafeInteger(max) && Number(max) >= 1 && Number(max) <= 1_000)
    ) {
      this.#problems.add(at(path, 'max'), 'must be a whole number from 1 to 1000, written out')
    }
    if (type === 'wait' && (input['ms'] === undefined) === (input['until'] === undefined)) {
      this.#problems.add(path, 'must have either ms or until')
    }
    if (type === 'text-to-speech' && (input['text'] === undefined) === (input['ssml'] === undefined)) {
      this.#problems.add(path, 'must have either text or ssml')
    }
  }

  #checkGraphInputs({ with: input }: GraphNode, { source }: CompiledGraph, given: Template, path: string): void {
    const { inputs } = input
    if (inputs !== undefined && !isObject(inputs)) return
    const names = inputs === undefined ? (given.references.length > 0 ? ['item'] : []) : Object.keys(inputs)
    for (const name of names) {
      if (!Object.hasOwn(source.inputs, name)) {
        this.#problems.add(at(path, name), `is no input of ${source.name}${nearest(Object.keys(source.inputs))}`)
      } else if (inputs !== undefined) {
        const actual = this.#typeOf(inputs[name] as Json)
        const asked = typeOfSchema(source.inputs[name] ?? {})
        if (actual !== undefined && !fits(actual, asked)) this.#problems.add(at(path, name), mismatch(actual, asked))
      }
    }
    for (const [name, schema] of Object.entries(source.inputs)) {
      if (!names.includes(name) && !Object.hasOwn(schema, 'default')) this.#problems.add(at(path, name), 'is missing')
    }
  }

  /** `undefined`: nobody can say. */
  #typeOf(value: Json): PortType | undefined {
    if (typeof value !== 'string') return typeOfValue(value)
    // What is written out is what its author says that it is: the id of an artifact is a text.
    if (!value.includes('${{')) return value === '' ? 'string' : undefined
    const { only } = parseTemplate(value, '', new Problems())
    if (only === undefined) return 'string'
    const { only: reference } = only
    if (reference === undefined) return typeOfExpression(only.type)
    const { root, name = '', path } = reference
    if (root === 'index') return 'number'
    if (root === 'inputs' && path.length === 0) return typeOfSchema(this.#graph.inputs[name] ?? {})
    const place = this.#places.get(name)
    const draft = place === undefined ? undefined : this.#drafts[place]
    const [port] = path
    if (root !== 'nodes' || draft === undefined) return undefined
    if (port === undefined) return 'object'
    return path.length === 1 ? portType(draft, port) : undefined
  }
}

/** Of what those behind a node see: a node that runs for each of some items has lists. */
function portType({ items, ports }: Draft, port: string): PortType | undefined {
  if (Object.hasOwn(statePorts, port)) return statePorts[port]
  if (items === undefined) return Object.hasOwn(ports, port) ? ports[port] : undefined
  return port === 'items' || Object.hasOwn(ports, port) ? 'list' : undefined
}

function portNames({ items, ports }: Draft): string[] {
  return [...new Set([...Object.keys(ports), ...(items === undefined ? [] : ['items'])])]
}

/** Every cycle must have one loop-breaker, and none that does not go through it. */
function loopsOf(
  drafts: readonly Draft[],
  after: readonly (readonly number[])[],
  { kind }: Graph,
  path: string,
  problems: Problems,
): { readonly loops: readonly CompiledLoop[]; readonly before: readonly (readonly number[])[] } {
  const before = after.map((ones) => [...ones])
  const loops: CompiledLoop[] = []
  const tell = (component: readonly number[]) =>
    wayRound(component, successors(before))
      .map((index) => drafts[index]?.node.id)
      .join(' → ')
  for (const body of components(successors(before))) {
    const breakers = body.filter((index) => drafts[index]?.node.type === 'loop-breaker')
    const [breaker] = breakers
    const where = at(at(path, 'nodes'), body[0] ?? 0)
    if (kind !== 'loop')
      problems.add(where, `is part of a cycle: ${tell(body)}${breakers.length > 0 ? '; say kind: loop' : ''}`)
    else if (breaker === undefined) problems.add(where, `is part of a cycle without a loop-breaker: ${tell(body)}`)
    else if (breakers.length > 1)
      problems.add(where, `is part of a cycle with ${breakers.length} loop-breakers: ${tell(body)}`)
    else {
      loops.push({ breaker, body })
      for (const index of body) before[index] = (before[index] ?? []).filter((one) => one !== breaker)
    }
  }
  if (loops.length > 0) {
    for (const body of components(successors(before))) {
      const where = at(at(path, 'nodes'), body[0] ?? 0)
      problems.add(where, `is part of a cycle that goes round its loop-breaker: ${tell(body)}`)
    }
  }
  const inLoops = new Set(loops.flatMap(({ body }) => body))
  for (const [index, { node, path: where }] of drafts.entries()) {
    if (node.type === 'loop-breaker' && !inLoops.has(index) && kind === 'loop')
      problems.add(where, 'breaks no cycle: nothing before it uses it')
    if (node.type === 'loop-breaker' && kind !== 'loop') problems.add(at(where, 'type'), 'is for graphs of kind loop')
  }
  return { loops, before }
}

function successors(before: readonly (readonly number[])[]): number[][] {
  const edges: number[][] = before.map(() => [])
  for (const [index, ones] of before.entries()) for (const one of ones) edges[one]?.push(index)
  return edges
}

function checkTree(drafts: readonly Draft[], before: readonly (readonly number[])[], problems: Problems): void {
  const [root] = before.flatMap((ones, index) => (ones.length === 0 ? [index] : []))
  for (const [index, ones] of before.entries()) {
    const { path = '' } = drafts[index] ?? {}
    const names = ones.map((one) => drafts[one]?.node.id).join(', ')
    if (ones.length > 1) problems.add(path, `has ${ones.length} nodes before it (${names}), and a tree has one`)
    if (ones.length === 0 && index !== root) {
      problems.add(path, `cannot be reached from ${drafts[root ?? 0]?.node.id}, the root of the tree`)
    }
  }
}

/** A node that never runs, or that only such nodes lead to. */
function checkReachable(drafts: readonly Draft[], before: readonly (readonly number[])[], problems: Problems): void {
  const never = new Set<number>()
  for (const [index, { when, path }] of drafts.entries()) {
    if (when?.only?.text !== 'false') continue
    never.add(index)
    problems.add(at(path, 'when'), 'is never true, so that nothing can reach the node')
  }
  let grew = never.size > 0
  while (grew) {
    grew = false
    for (const [index, ones] of before.entries()) {
      if (never.has(index) || ones.length === 0 || !ones.every((one) => never.has(one))) continue
      never.add(index)
      grew = true
      problems.add(drafts[index]?.path ?? '', 'cannot be reached: no node before it ever runs')
    }
  }
}

function mismatch(actual: PortType, asked: PortType): string {
  const hint = asked === 'artifact' && actual === 'string' ? '; an input says { type: string, format: artifact }' : ''
  return `must be ${articled(asked)}, and this is ${articled(actual)}${hint}`
}

function articled(type: PortType): string {
  return type === 'any' ? 'anything' : `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}

function nearest(known: readonly string[]): string {
  return known.length === 0 ? '' : `: known are ${known.join(', ')}`
}
