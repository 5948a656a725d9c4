import { Script, createContext } from 'node:vm'
import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js'
import { HoldfastError } from '@holdfast/errors'
import type { Json } from './graph.js'

/** What an expression looks at. */
export interface Reference {
  readonly root: 'nodes' | 'inputs' | 'item' | 'index' | 'run'
  /** Of `nodes` and `inputs`: which one. */
  readonly name?: string
  /** What follows the name, as far as it is written out: `['text']` of `nodes.stt.text`. */
  readonly path: readonly string[]
}

/** What the names in an expression stand for. */
export interface Values {
  readonly nodes: { readonly [id: string]: Json }
  readonly inputs: { readonly [name: string]: Json }
  readonly item?: Json
  readonly index?: number
  readonly run: { readonly id: string }
}

export interface Expression {
  readonly text: string
  readonly references: readonly Reference[]
  /** What CEL makes of its type; `dyn` if it cannot say. */
  readonly type: string
  /** The reference, if the expression is nothing else. */
  readonly only?: Reference
  /** @throws INVALID_ARGUMENT (EXPRESSION_FAILED); RESOURCE_EXHAUSTED (EXPRESSION_TOO_LONG) */
  evaluate(values: Values): Json
}

/** How long an expression may take that can take long: one with a macro over a list, or with a regular expression. */
const timeoutMs = 1_000

const roots = new Set(['nodes', 'inputs', 'item', 'index', 'run'])
const macros = new Set(['map', 'filter', 'all', 'exists', 'exists_one', 'transformList', 'transformMap'])

/** Common Expression Language, with the two things that JSON asks for: numbers are one kind, and lists and objects may be mixed. Why CEL: decision 0048. */
const environment = makeEnvironment()

function makeEnvironment(): Environment {
  const made = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: { maxAstNodes: 2_000, maxDepth: 64 },
  })
  for (const name of roots) made.registerVariable(name, 'dyn')
  const operators: [string, (a: number, b: number) => number][] = [
    ['+', (a, b) => a + b],
    ['-', (a, b) => a - b],
    ['*', (a, b) => a * b],
    ['/', (a, b) => a / b],
    ['%', (a, b) => a % b],
  ]
  for (const [sign, compute] of operators) {
    const mixed = (a: number | bigint, b: number | bigint) => compute(Number(a), Number(b))
    made.registerOperator(`double ${sign} int: double`, mixed)
    made.registerOperator(`int ${sign} double: double`, mixed)
  }
  made.registerOperator('double % double: double', (a: number, b: number) => a % b)
  made.registerFunction('list.join(string): string', (list: unknown[], separator: string) =>
    list.map((item) => asText(plain(item))).join(separator),
  )
  made.registerFunction('json(dyn): string', (value: unknown) => JSON.stringify(plain(value)))
  return made
}

/** @throws INVALID_ARGUMENT (EXPRESSION_INVALID) */
export function parseExpression(text: string): Expression {
  let parsed: ParseResult
  try {
    parsed = environment.parse(text)
  } catch (error) {
    throw invalid(text, error)
  }
  const references: Reference[] = []
  let takesLong = false
  walk(
    parsed.ast,
    new Set(),
    (reference) => references.push(reference),
    () => (takesLong = true),
  )
  const { valid, type = 'dyn', error } = parsed.check()
  if (!valid) throw invalid(text, error)
  const only = referenceOf(parsed.ast, new Set())
  const [alone] = references
  return {
    text,
    references,
    type,
    ...(only === undefined || alone === undefined ? {} : { only: alone }),
    evaluate: only === undefined ? evaluator(text, parsed, takesLong) : (values) => follow(text, only, values),
  }
}

export function asText(value: Json): string {
  return typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value)
}

function evaluator(text: string, parsed: ParseResult, takesLong: boolean): (values: Values) => Json {
  return (values) => {
    try {
      const given = { ...values } as Record<string, unknown>
      return plain(takesLong ? withinTime(() => parsed(given) as unknown) : (parsed(given) as unknown))
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
        throw new HoldfastError(
          'RESOURCE_EXHAUSTED',
          `The expression ${text} takes longer than ${timeoutMs} ms: do less in it`,
          {
            reason: 'EXPRESSION_TOO_LONG',
          },
        )
      }
      throw failed(text, reasonOf(error), error)
    }
  }
}

const sandbox: { call: (() => unknown) | undefined } = { call: undefined }
const script = new Script('call()')
const context = createContext(sandbox)

/** Ends what takes too long, loops and regular expressions alike. 95 µs a call, so only for what needs it. */
function withinTime(call: () => unknown): unknown {
  sandbox.call = call
  try {
    return script.runInContext(context, { timeout: timeoutMs })
  } finally {
    sandbox.call = undefined
  }
}

function follow(text: string, { root, path }: Chain, values: Values): Json {
  let value: unknown = values[root]
  let walked: string = root
  for (const member of path) {
    const next: unknown =
      typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, member)
        ? (value as Record<string, unknown>)[member]
        : undefined
    if (next === undefined) throw failed(text, `${walked} has no ${member}`)
    value = next
    walked += `.${member}`
  }
  return (value ?? null) as Json
}

interface Chain {
  readonly root: Reference['root']
  readonly path: readonly string[]
}

/** `nodes.a["b"].c` as a chain of names. */
function referenceOf(ast: ASTNode, bound: ReadonlySet<string>): Chain | undefined {
  if (ast.op === 'id') {
    return roots.has(ast.args) && !bound.has(ast.args) ? { root: ast.args as Reference['root'], path: [] } : undefined
  }
  if (ast.op !== '.' && ast.op !== '[]') return undefined
  const [of, member] = ast.args as [ASTNode, string | ASTNode]
  const name = memberName(member)
  const chain = name === undefined ? undefined : referenceOf(of, bound)
  return chain === undefined || name === undefined ? undefined : { root: chain.root, path: [...chain.path, name] }
}

function memberName(member: string | ASTNode): string | undefined {
  if (typeof member === 'string') return member
  return member.op === 'value' && typeof member.args === 'string' ? member.args : undefined
}

function walk(
  ast: ASTNode,
  bound: ReadonlySet<string>,
  onReference: (reference: Reference) => void,
  onLong: () => void,
): void {
  const chain = referenceOf(ast, bound)
  if (chain !== undefined) {
    const [name, ...path] = chain.path
    const isNamed = chain.root === 'nodes' || chain.root === 'inputs'
    onReference({
      root: chain.root,
      ...(isNamed && name !== undefined ? { name } : {}),
      path: isNamed ? path : chain.path,
    })
    return
  }
  let inner = bound
  if (ast.op === 'rcall') {
    const [name, , args] = ast.args
    if (name === 'matches') onLong()
    if (macros.has(name)) {
      onLong()
      inner = new Set([...bound, ...args.flatMap((arg) => (arg.op === 'id' ? [arg.args] : []))])
    }
  }
  if (ast.op === 'call' && ast.args[0] === 'matches') onLong()
  for (const child of childrenOf(ast.args)) walk(child, inner, onReference, onLong)
}

function* childrenOf(args: unknown): Generator<ASTNode> {
  if (Array.isArray(args)) for (const arg of args) yield* childrenOf(arg)
  else if (typeof args === 'object' && args !== null && 'op' in args) yield args as ASTNode
}

/** As JSON has it: whole numbers of CEL are bigints, its times are Dates. */
function plain(value: unknown): Json {
  if (value === undefined || value === null) return null
  if (typeof value === 'bigint') {
    if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
      throw new Error(`${value} is a number that JSON cannot hold exactly`)
    }
    return Number(value)
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new Error(`${value} is no number in JSON`)
    return value
  }
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw new Error('the result is no JSON')
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

function invalid(text: string, error: unknown): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', `The expression ${text} is not valid: ${reasonOf(error)}`, {
    cause: error,
    reason: 'EXPRESSION_INVALID',
  })
}

function failed(text: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('INVALID_ARGUMENT', `The expression ${text} has no value: ${why}`, {
    reason: 'EXPRESSION_FAILED',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** CEL's messages have the text and a marker in further lines. */
function reasonOf(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string }
  return (summary ?? message ?? String(error)).split('\n')[0] ?? ''
}
