import type { Json } from '../graph/graph.js'

/** Numbers from 0 to below 1 that are the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export interface RandomGraphOptions {
  readonly nodes: number
  /** What does the work; default: `custom` nodes of a service `work`. */
  readonly service?: string
  /** Whether there may be waits, of some milliseconds; default true. */
  readonly waits?: boolean
  /** Whether there are approvals, outside of graphs within; default false. Each waits for a signal of the name of its node. */
  readonly approvals?: boolean
  /** Whether graphs may stop early: at the first failure, or by time limits of a few milliseconds; default false. What comes of them depends on
   *  the order in which calls end. */
  readonly hasty?: boolean
  readonly depth?: number
}

/** A valid graph of all kinds of nodes: branches, joins, conditions, lists, graphs within, loops. For properties and fault campaigns. */
export function randomGraph(random: () => number, options: RandomGraphOptions): Json {
  const { service = 'work', waits = true, approvals = false, hasty = false, depth = 0 } = options
  const pick = (count: number) => Math.floor(random() * count)
  const chance = (part: number) => random() < part
  const nodes: Json[] = []
  const ids: string[] = []
  /** Those of which the outputs do not depend on the clock. */
  const timeless: string[] = []
  const before = (): string | undefined => (ids.length === 0 ? undefined : ids[pick(ids.length)])
  /** Something to look at, of whatever is there. */
  const value = (): Json => {
    const id = timeless[pick(timeless.length)]
    if (id === undefined || chance(0.1)) return '${{ inputs.seed }}'
    return '${{ nodes.' + id + ' }}'
  }
  const count = Math.max(1, options.nodes)
  let hasLoop = false
  while (nodes.length < count) {
    const id = `n${nodes.length}`
    const kind = random()
    const extra = {
      ...(chance(0.15) && before() !== undefined ? { when: `nodes.${before()}.status == 'completed'` } : {}),
      ...(chance(0.1) ? { optional: true } : {}),
      ...(chance(0.1) && before() !== undefined ? { needs: [before() as string] } : {}),
    }
    const work = { service, input: { a: value(), b: value(), c: value() } }
    const retry = { maxAttempts: 1 + pick(3), backoffMs: pick(3) }
    if (kind < 0.45) nodes.push({ id, type: 'custom', with: work, retry, ...extra })
    else if (kind < 0.55) nodes.push({ id, type: 'transform', with: { value: { of: [value(), value()] } }, ...extra })
    else if (kind < 0.65) {
      const id2 = before()
      nodes.push({
        id,
        type: 'condition',
        with: { if: id2 === undefined ? chance(0.5) : '${{ nodes.' + id2 + ".status == 'completed' }}" },
        ...extra,
      })
    } else if (kind < 0.75) {
      const items = Array.from({ length: pick(5) }, (_, index) => index)
      nodes.push({
        id,
        type: 'custom',
        forEach: JSON.stringify(items),
        with: { service, input: { item: '${{ item }}', a: value() } },
        ...(chance(0.5) ? { concurrency: 1 + pick(3) } : {}),
        retry,
        ...extra,
      })
    } else if (kind < 0.83 && depth < 2) {
      const graph = randomGraph(random, { nodes: 1 + pick(4), service, waits, hasty, depth: depth + 1 })
      const type = chance(0.5) ? 'sub-graph' : 'for-each'
      nodes.push({
        id,
        type,
        with: { graph, inputs: { seed: value() }, ...(type === 'for-each' ? { items: [1, 2, 3].slice(pick(4)) } : {}) },
        ...(chance(0.4) ? { retry } : {}),
        ...(hasty && chance(0.5) ? { timeoutMs: 1 + pick(10) } : {}),
        ...extra,
      })
    } else if (kind < 0.9 && count - nodes.length >= 3) {
      const [a, b] = [`${id}a`, `${id}b`]
      hasLoop = true
      nodes.push(
        {
          id: a,
          type: 'custom',
          with: { service, input: { a: value(), last: '${{ nodes.' + id + '.value }}' } },
          retry,
        },
        { id: b, type: 'transform', with: { value: { a: '${{ nodes.' + a + ' }}' } } },
        { id, type: 'loop-breaker', with: { max: 1 + pick(3), value: '${{ nodes.' + b + '.value }}' } },
      )
      ids.push(a, b)
      timeless.push(a, b)
    } else if (kind < 0.93 && approvals)
      nodes.push({ id, type: 'approval', with: { message: value(), signal: id }, ...extra })
    else if (kind < 0.95 && waits) nodes.push({ id, type: 'wait', with: { ms: pick(20) }, ...extra })
    else nodes.push({ id, type: 'custom', with: work, retry, ...extra })
    ids.push(id)
    if (
      !nodes.some(
        (node) => (node as { id: string; type: string }).id === id && (node as { type: string }).type === 'wait',
      )
    )
      timeless.push(id)
  }
  const outputs = Object.fromEntries(timeless.slice(-5).map((id) => [id, '${{ nodes.' + id + ' }}']))
  return {
    name: depth === 0 ? 'random' : 'within',
    ...(hasLoop ? { kind: 'loop' } : {}),
    inputs: { seed: {} },
    nodes,
    outputs,
    ...(chance(0.3) ? { concurrency: 1 + pick(4) } : {}),
    ...(hasty && chance(0.5) ? { onFailure: 'fail-fast' } : {}),
    ...(hasty && depth > 0 && chance(0.3) ? { timeoutMs: 1 + pick(10) } : {}),
  }
}
