import { HoldfastError, invalidField } from '@holdfast/errors'
import { LineCounter, parseDocument } from 'yaml'
import {
  type Graph,
  type GraphNode,
  type Json,
  type JsonObject,
  type NodeType,
  type RetryPolicy,
  defaultConcurrency,
  isObject,
  nodeTypes,
} from './graph.js'
import { nodeTypeDescriptions } from './node-types.js'
import { Problems, at } from './problems.js'

/** A graph of 10,000 nodes has about 2 MB. */
const maxTextBytes = 8 * 1024 * 1024
const maxNodes = 20_000

/** What cannot follow a dot in an expression. */
const reserved = new Set(['true', 'false', 'null', 'in'])
const identifier = /^[A-Za-z_]\w{0,63}$/

/** What a text says, not looked at yet. @throws INVALID_ARGUMENT (GRAPH_NOT_READABLE) with the line, if it is neither JSON nor YAML */
export function readGraphText(text: string): Json {
  if (Buffer.byteLength(text) > maxTextBytes) throw invalidField('graph', `must be at most ${maxTextBytes} bytes`)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, strict: true, merge: false })
  const [error] = document.errors
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0])
    const what = error.message.split('\n')[0]?.replace(/ at line .*$/, '') ?? ''
    throw new HoldfastError('INVALID_ARGUMENT', `The graph cannot be read: line ${line}, column ${col}: ${what}`, {
      cause: error,
      reason: 'GRAPH_NOT_READABLE',
    })
  }
  // Aliases that grow a small text into a large value are refused by the library beyond 100.
  return document.toJS({ maxAliasCount: 100 }) as Json
}

/** The graph that a value says, defaults applied. Looks at shapes only: what they mean is the compiler's.
 *  @param path where the value stands: '' or `nodes[3].with.graph` */
export function parseGraph(value: unknown, problems: Problems, path = ''): Graph {
  const from = new Reader(problems)
  const graph = from.object(value, path, [
    'name',
    'description',
    'kind',
    'inputs',
    'nodes',
    'outputs',
    'onFailure',
    'timeoutMs',
    'concurrency',
    'maxRuns',
    '$schema',
  ])
  const name =
    path === '' ? from.text(graph['name'], at(path, 'name')) : ((graph['name'] as string | undefined) ?? 'inline')
  if (name !== undefined && !/^[A-Za-z][\w.-]{0,127}$/.test(name)) {
    problems.add(
      at(path, 'name'),
      'must be a letter and then at most 127 letters, digits, dots, hyphens and underscores',
    )
  }
  const description = from.optionalText(graph['description'], at(path, 'description'))
  const timeoutMs = from.optionalInteger(graph['timeoutMs'], at(path, 'timeoutMs'), 1, 365 * 86_400_000)
  const maxRuns = from.optionalInteger(graph['maxRuns'], at(path, 'maxRuns'), 1, 100_000)
  if (maxRuns !== undefined && path !== '') problems.add(at(path, 'maxRuns'), 'is for runs, and a graph within is none')
  return {
    name: name ?? '',
    ...(description === undefined ? {} : { description }),
    kind: from.oneOf(graph['kind'] ?? 'dag', at(path, 'kind'), ['dag', 'tree', 'loop'] as const),
    inputs: inputsOf(from, graph['inputs'], at(path, 'inputs')),
    nodes: nodesOf(from, graph['nodes'], at(path, 'nodes')),
    outputs: from.json(from.object(graph['outputs'] ?? {}, at(path, 'outputs')), at(path, 'outputs')) as JsonObject,
    onFailure: from.oneOf(graph['onFailure'] ?? 'continue', at(path, 'onFailure'), ['continue', 'fail-fast'] as const),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    concurrency: from.optionalInteger(graph['concurrency'], at(path, 'concurrency'), 1, 10_000) ?? defaultConcurrency,
    ...(maxRuns === undefined ? {} : { maxRuns }),
  }
}

function inputsOf(from: Reader, value: unknown, path: string): { readonly [name: string]: JsonObject } {
  const inputs = from.object(value ?? {}, path)
  for (const [name, schema] of Object.entries(inputs)) {
    from.identifier(name, at(path, name), 'the name of an input')
    from.json(from.object(schema, at(path, name)), at(path, name))
  }
  return inputs as { readonly [name: string]: JsonObject }
}

function nodesOf(from: Reader, value: unknown, path: string): GraphNode[] {
  if (!Array.isArray(value) || value.length === 0) {
    from.problems.add(path, 'must be a list with at least one node')
    return []
  }
  if (value.length > maxNodes) from.problems.add(path, `must have at most ${maxNodes} nodes`)
  return value.slice(0, maxNodes).map((node: unknown, index) => nodeOf(from, node, at(path, index)))
}

function nodeOf(from: Reader, value: unknown, path: string): GraphNode {
  const node = from.object(value, path, [
    'id',
    'type',
    'with',
    'needs',
    'when',
    'forEach',
    'retry',
    'timeoutMs',
    'cache',
    'concurrency',
    'optional',
  ])
  const id = from.text(node['id'], at(path, 'id'))
  if (id !== undefined) from.identifier(id, at(path, 'id'), 'an id')
  const type = from.oneOf<NodeType>(node['type'], at(path, 'type'), nodeTypes)
  if (type !== node['type']) from.problems.addNothingIn(path)
  const { work } = nodeTypeDescriptions[type]
  const when = from.optionalCondition(node['when'], at(path, 'when'))
  const forEach = from.optionalText(node['forEach'], at(path, 'forEach'))
  const retry = node['retry'] === undefined ? undefined : retryOf(from, node['retry'], at(path, 'retry'))
  const timeoutMs = from.optionalInteger(node['timeoutMs'], at(path, 'timeoutMs'), 1, 365 * 86_400_000)
  const concurrency = from.optionalInteger(node['concurrency'], at(path, 'concurrency'), 1, 10_000)
  const cache = from.boolean(node['cache'] ?? false, at(path, 'cache'))
  const not = (member: string) => from.problems.add(at(path, member), `is not for nodes of type ${type}`)
  if (work !== 'call' && work !== 'graph' && retry !== undefined) not('retry')
  if (work !== 'call' && cache) not('cache')
  if (work !== 'call' && work !== 'graph' && type !== 'approval' && timeoutMs !== undefined) not('timeoutMs')
  const isEach = forEach !== undefined || type === 'for-each'
  if (concurrency !== undefined && !isEach) from.problems.add(at(path, 'concurrency'), 'is for nodes with forEach')
  if (forEach !== undefined && (type === 'for-each' || type === 'loop-breaker')) {
    from.problems.add(at(path, 'forEach'), `is not for nodes of type ${type}`)
  }
  return {
    id: id ?? '',
    type,
    with: from.json(from.object(node['with'] ?? {}, at(path, 'with')), at(path, 'with')) as JsonObject,
    needs: from.texts(node['needs'], at(path, 'needs')),
    ...(when === undefined ? {} : { when }),
    ...(forEach === undefined ? {} : { forEach }),
    ...(retry === undefined ? {} : { retry }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    cache,
    ...(concurrency === undefined ? {} : { concurrency }),
    optional: from.boolean(node['optional'] ?? false, at(path, 'optional')),
  }
}

/** Of nodes that say nothing: three attempts, of what is worth another one. A graph within is tried once. */
export const defaultRetry: RetryPolicy = { maxAttempts: 3, backoffMs: 500, factor: 2, jitter: 0.2 }

function retryOf(from: Reader, value: unknown, path: string): RetryPolicy {
  const retry = from.object(value, path, ['maxAttempts', 'backoffMs', 'factor', 'jitter'])
  return {
    maxAttempts:
      from.optionalInteger(retry['maxAttempts'], at(path, 'maxAttempts'), 1, 100) ?? defaultRetry.maxAttempts,
    backoffMs: from.optionalInteger(retry['backoffMs'], at(path, 'backoffMs'), 0, 86_400_000) ?? defaultRetry.backoffMs,
    factor: from.optionalNumber(retry['factor'], at(path, 'factor'), 1, 10) ?? defaultRetry.factor,
    jitter: from.optionalNumber(retry['jitter'], at(path, 'jitter'), 0, 1) ?? defaultRetry.jitter,
  }
}

/** Takes values for what they should be, and says where they are not. */
class Reader {
  readonly problems: Problems

  constructor(problems: Problems) {
    this.problems = problems
  }

  object(value: unknown, path: string, members?: readonly string[]): { readonly [member: string]: unknown } {
    if (!isObject(value)) {
      this.problems.add(path, value === undefined ? 'is missing' : 'must be an object')
      return {}
    }
    for (const member of members === undefined ? [] : Object.keys(value)) {
      if (!members?.includes(member))
        this.problems.add(at(path, member), `is unknown: known are ${members?.join(', ')}`)
    }
    return value
  }

  text(value: unknown, path: string): string | undefined {
    if (typeof value === 'string' && value !== '') return value
    this.problems.add(path, value === undefined ? 'is missing' : 'must be a text')
    return undefined
  }

  optionalText(value: unknown, path: string): string | undefined {
    return value === undefined ? undefined : this.text(value, path)
  }

  /** `when: false` is what YAML makes of it. */
  optionalCondition(value: unknown, path: string): string | undefined {
    return typeof value === 'boolean' ? String(value) : this.optionalText(value, path)
  }

  texts(value: unknown, path: string): string[] {
    if (value === undefined) return []
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
    this.problems.add(path, 'must be a list of texts')
    return []
  }

  boolean(value: unknown, path: string): boolean {
    if (typeof value === 'boolean') return value
    this.problems.add(path, 'must be true or false')
    return false
  }

  optionalInteger(value: unknown, path: string, from: number, to: number): number | undefined {
    const number = this.optionalNumber(value, path, from, to)
    if (number === undefined || Number.isSafeInteger(number)) return number
    this.problems.add(path, 'must be a whole number')
    return undefined
  }

  optionalNumber(value: unknown, path: string, from: number, to: number): number | undefined {
    if (value === undefined) return undefined
    if (typeof value === 'number' && value >= from && value <= to) return value
    this.problems.add(path, `must be a number from ${from} to ${to}`)
    return undefined
  }

  oneOf<T extends string>(value: unknown, path: string, known: readonly T[]): T {
    const found = known.find((name) => name === value)
    if (found !== undefined) return found
    this.problems.add(path, value === undefined ? 'is missing' : `must be one of ${known.join(', ')}`)
    return known[0] as T
  }

  identifier(name: string, path: string, what: string): void {
    if (!identifier.test(name) || reserved.has(name)) {
      this.problems.add(path, `must be ${what}: a letter and then at most 63 letters, digits and underscores`)
    }
  }

  /** YAML knows more than JSON. */
  json(value: unknown, path: string): Json {
    if (Array.isArray(value)) for (const [index, item] of value.entries()) this.json(item, at(path, index))
    else if (isObject(value) && Object.getPrototypeOf(value) === Object.prototype) {
      for (const [name, member] of Object.entries(value)) this.json(member, at(path, name))
    } else if (typeof value === 'number' ? !Number.isFinite(value) : !isPlain(value)) {
      this.problems.add(path, 'must be JSON')
      return null
    }
    return value as Json
  }
}

function isPlain(value: unknown): boolean {
  return value === null || typeof value === 'string' || typeof value === 'boolean'
}
