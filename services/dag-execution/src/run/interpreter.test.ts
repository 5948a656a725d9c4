import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import fc from 'fast-check'
import { compileGraph } from '../graph/compile.js'
import { contentHash } from '../graph/graph-version.js'
import type { RunEvent } from './events.js'
import { Interpreter } from './interpreter.js'
import { randomGraph, randomNumbers } from './random-graph.js'
import { type SimulatedCall, simulate } from './simulation.js'

/** A service whose answers, and failures, follow from what it is asked. */
function hashedWork({ node, attempt, input }: SimulatedCall) {
  const hash = contentHash({ node, input })
  if (Number.parseInt(hash.slice(0, 4), 16) % 8 < (attempt === 1 ? 2 : 1))
    throw new HoldfastError('UNAVAILABLE', `${node} fails`)
  return { output: { of: node, hash } }
}

/** The long form: `HOLDFAST_RANDOM_RUNS=100000`, and `HOLDFAST_RANDOM_SEED` to see the same graphs again. */
const runs = Number(process.env['HOLDFAST_RANDOM_RUNS'] ?? 400)
const { HOLDFAST_RANDOM_SEED: seed } = process.env
const seeded = seed === undefined ? {} : { seed: Number(seed) }

/** Everything that a run ended with, whatever the order in which it came, but for the clock: when a wait was over. */
function endings(events: readonly RunEvent[]): string[] {
  return events
    .filter(({ type }) => type.startsWith('run-') || ['node-completed', 'node-failed', 'node-skipped'].includes(type))
    .map((event) => JSON.stringify(event, (name, value: unknown) => (name === 'at' || name === 'until' ? null : value)))
    .sort()
}

describe('the interpreter on random graphs', () => {
  it('gives the same outputs and outcomes, whatever the order of completions and however often it starts from its log', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 30 }), (seed, order, nodes) => {
        const graph = compileGraph(randomGraph(randomNumbers(seed), { nodes }))
        const inputs = { seed }
        const first = simulate(graph, { inputs, work: hashedWork })
        const random = randomNumbers(order)
        const other = simulate(graph, {
          inputs,
          work: hashedWork,
          choose: (count) => Math.floor(random() * count),
          dies: () => random() < 0.1,
        })
        assert.equal(other.phase, first.phase)
        assert.deepEqual(endings(other.events), endings(first.events))
      }),
      { ...seeded, numRuns: runs },
    )
  })

  it('runs no node twice, starts none before what it needs, and settles all', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, order) => {
        const graph = compileGraph(randomGraph(randomNumbers(seed), { nodes: 20 }))
        const random = randomNumbers(order)
        const { events } = simulate(graph, {
          inputs: { seed },
          work: hashedWork,
          choose: (count) => Math.floor(random() * count),
          dies: () => random() < 0.05,
        })
        const ended = new Set<string>()
        const started = new Set<string>()
        for (const event of events) {
          if (event.type === 'node-started') {
            const name = `${event.node} ${event.attempt}`
            assert.ok(!started.has(name), `${name} started twice`)
            started.add(name)
            const node = graph.byId.get(event.node)
            for (const index of node?.before ?? []) {
              const before = graph.nodes[index]
              if (before === undefined || before.items !== undefined || before.loop !== undefined) continue
              assert.ok(ended.has(before.id), `${event.node} started before ${before.id} had ended`)
            }
          }
          if (event.type === 'node-completed' || event.type === 'node-failed' || event.type === 'node-skipped') {
            assert.ok(!ended.has(event.node), `${event.node} ended twice`)
            ended.add(event.node)
          }
        }
        for (const node of graph.nodes) {
          if (node.items === undefined && node.loop === undefined)
            assert.ok(ended.has(node.id), `${node.id} never ended`)
        }
      }),
      { ...seeded, numRuns: runs },
    )
  })

  it('says of its state after any part of a log what it said when that part was new', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 200 }), (seed, cut) => {
        const graph = compileGraph(randomGraph(randomNumbers(seed), { nodes: 15 }))
        const { events, outputs } = simulate(graph, { inputs: { seed }, work: hashedWork })
        const again = new Interpreter(graph, 'simulated')
        for (const event of events.slice(0, 1 + (cut % events.length))) again.apply(event)
        for (const event of events.slice(1 + (cut % events.length))) again.apply(event)
        assert.ok(again.hasEnded)
        assert.equal(again.advance(0).length, 0)
        const last = events.at(-1)
        assert.deepEqual(last?.type === 'run-completed' ? last.outputs : undefined, outputs)
      }),
      { ...seeded, numRuns: runs / 4 },
    )
  })
})

describe('the interpreter on random graphs that stop early', () => {
  it('starts nothing in a graph that is stopping, ends each start once, and never stands still', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, order) => {
        const graph = compileGraph(randomGraph(randomNumbers(seed), { nodes: 15, hasty: true }))
        const random = randomNumbers(order)
        const { events } = simulate(graph, {
          inputs: { seed },
          work: hashedWork,
          choose: (count) => Math.floor(random() * count),
          dies: () => random() < 0.1,
        })
        const open = new Set<string>()
        const stopping = new Set<string>()
        for (const event of events) {
          if (event.type === 'run-started' || !('node' in event) || event.node === undefined) continue
          const { type, node } = event
          if (type === 'node-started') {
            const within = [...stopping].filter((path) => node.startsWith(path))
            assert.deepEqual(within, [], `${node} started in a graph that is stopping`)
            assert.ok(!open.has(node), `${node} started twice at once`)
            open.add(node)
          } else if (type === 'node-stopping') {
            stopping.add(event.attempt === 1 ? `${node}/` : `${node}@${event.attempt}/`)
          } else if (/^node-(completed|failed|cancelled|retrying)$/.test(type)) open.delete(node)
        }
        assert.deepEqual([...open], [], 'what was started has no end')
      }),
      { ...seeded, numRuns: runs / 2 },
    )
  })
})

const echo = ({ node, input }: SimulatedCall) => ({ output: input['input'] ?? node })
const call = (id: string, input: string | number, more = {}) => ({
  id,
  type: 'custom',
  with: { service: 's', input },
  ...more,
})

describe('the interpreter', () => {
  it('runs a join with null for what was skipped, and skips what has only skipped nodes before it', () => {
    const graph = compileGraph({
      name: 'g',
      inputs: { big: { type: 'boolean' } },
      nodes: [
        { id: 'is_big', type: 'condition', with: { if: '${{ inputs.big }}' } },
        call('yes', 'yes', { when: 'nodes.is_big.result' }),
        call('no', 'no', { when: '!nodes.is_big.result' }),
        call('after_no', '${{ nodes.no.output }}'),
        {
          id: 'join',
          type: 'transform',
          with: { value: ['${{ nodes.yes.output }}', '${{ nodes.after_no.output }}', '${{ nodes.after_no.status }}'] },
        },
      ],
      outputs: { joined: '${{ nodes.join.value }}' },
    })
    assert.deepEqual(simulate(graph, { inputs: { big: true }, work: echo }).outputs, {
      joined: ['yes', null, 'skipped'],
    })
    assert.deepEqual(simulate(graph, { inputs: { big: false }, work: echo }).outputs, {
      joined: [null, 'no', 'completed'],
    })
  })

  it('fails a run only when all that does not depend on the failed node has ended', () => {
    const graph = compileGraph({
      name: 'g',
      nodes: [
        call('bad', 1),
        call('behind', '${{ nodes.bad.output }}'),
        call('other', 2),
        call('last', '${{ nodes.other.output }}'),
      ],
    })
    const work = (asked: SimulatedCall) => {
      if (asked.node === 'bad') throw new HoldfastError('INVALID_ARGUMENT', 'no')
      return echo(asked)
    }
    const { events, phase } = simulate(graph, { work })
    assert.equal(phase, 'failed')
    assert.ok(events.some((event) => event.type === 'node-completed' && event.node === 'last'))
    assert.ok(
      events.some((event) => event.type === 'node-skipped' && event.node === 'behind' && event.why === 'failed-before'),
    )
    assert.deepEqual(events.at(-1)?.type === 'run-failed' ? (events.at(-1) as { node?: string }).node : '', 'bad')
  })

  it('stops what runs when a node fails and the graph says fail-fast', () => {
    const graph = compileGraph({
      name: 'g',
      onFailure: 'fail-fast',
      nodes: [call('bad', 1), call('slow', 2), call('behind', '${{ nodes.slow.output }}')],
    })
    const { events, phase } = simulate(graph, {
      work: () => {
        throw new HoldfastError('INVALID_ARGUMENT', 'no')
      },
    })
    assert.equal(phase, 'failed')
    assert.deepEqual(
      events.filter(({ type }) => type === 'node-cancelled').map((event) => (event as { node: string }).node),
      ['slow'],
    )
    assert.ok(!events.some((event) => 'node' in event && event.node === 'behind'))
  })

  it('goes round a loop until its breaker says so, and shows the last round to what is behind', () => {
    const graph = compileGraph({
      name: 'g',
      kind: 'loop',
      nodes: [
        {
          id: 'draft',
          type: 'transform',
          with: { value: '${{ nodes.again.value == null ? 1 : nodes.again.value * 2 }}' },
        },
        {
          id: 'again',
          type: 'loop-breaker',
          with: { max: 20, until: '${{ nodes.draft.value > 50 }}', value: '${{ nodes.draft.value }}' },
        },
        { id: 'behind', type: 'transform', with: { value: '${{ nodes.draft.value }}' } },
      ],
      outputs: { value: '${{ nodes.behind.value }}', rounds: '${{ nodes.again.iteration + 1 }}' },
    })
    assert.deepEqual(simulate(graph, { work: echo }).outputs, { value: 64, rounds: 7 })
  })

  it('ends a loop after max rounds', () => {
    const graph = compileGraph({
      name: 'g',
      kind: 'loop',
      nodes: [
        call('a', '${{ nodes.b.iteration }}'),
        { id: 'b', type: 'loop-breaker', with: { max: 3, value: '${{ nodes.a.output }}' } },
      ],
      outputs: { last: '${{ nodes.b.iteration }}' },
    })
    assert.deepEqual(simulate(graph, { work: echo }).outputs, { last: 2 })
  })

  it('runs a list with no more items at once than it may', () => {
    const graph = compileGraph({
      name: 'g',
      nodes: [{ ...call('each', '${{ item }}'), forEach: '[1,2,3,4,5,6,7]', concurrency: 2 }],
      outputs: { all: '${{ nodes.each.output }}' },
    })
    const { events, outputs } = simulate(graph, { work: echo })
    let busy = 0
    let most = 0
    for (const { type } of events) {
      if (type === 'node-started') most = Math.max(most, (busy += 1))
      if (type === 'node-completed') busy -= 1
    }
    assert.deepEqual([most, outputs], [2, { all: [1, 2, 3, 4, 5, 6, 7] }])
  })

  it('takes an answer that came before the question', () => {
    const graph = compileGraph({
      name: 'g',
      nodes: [call('first', 1), { id: 'ask', type: 'approval', with: { message: '${{ nodes.first.output }}' } }],
      outputs: { yes: '${{ nodes.ask.approved }}', said: '${{ nodes.ask.payload }}' },
    })
    const early = new Interpreter(graph, 'r')
    early.apply({ at: 0, type: 'run-started', graph: 'g', inputs: {} })
    early.advance(0)
    early.apply({ at: 0, type: 'signal-received', name: 'ask', payload: { approved: false, why: 'no' } })
    early.apply({ at: 0, type: 'node-completed', node: 'first', attempt: 1, outputs: { output: 1 } })
    const last = early.advance(0).at(-1)
    assert.deepEqual(last?.type === 'run-completed' ? last.outputs : last, {
      yes: false,
      said: { approved: false, why: 'no' },
    })
  })

  it('tries again after a pause that grows, and not what would fail alike', () => {
    const graph = compileGraph({
      name: 'g',
      nodes: [call('a', 1, { retry: { maxAttempts: 3, backoffMs: 100, factor: 3, jitter: 0 } })],
    })
    const failing = (code: 'UNAVAILABLE' | 'NOT_FOUND') =>
      simulate(graph, {
        work: () => {
          throw new HoldfastError(code, 'no')
        },
      }).events.flatMap((event) => (event.type === 'node-retrying' ? [event.until - event.at] : []))
    assert.deepEqual(failing('UNAVAILABLE'), [100, 300])
    assert.deepEqual(failing('NOT_FOUND'), [])
  })

  const within = (inner: object, more: object = {}) =>
    compileGraph({
      name: 'g',
      nodes: [
        { id: 'sub', type: 'sub-graph', with: { graph: inner }, ...more },
        call('other', 1),
        { id: 'end', type: 'transform', with: { value: '${{ nodes.other.output }}' } },
      ],
      outputs: { end: '${{ nodes.end.value }}' },
    })

  it('tries a graph within again as a whole when its node says so, under other paths', () => {
    const graph = within(
      { nodes: [call('x', 1), call('y', '${{ nodes.x.output }}', { retry: { maxAttempts: 1 } })] },
      { retry: { maxAttempts: 3, backoffMs: 10, jitter: 0 } },
    )
    const asked: string[] = []
    const { phase, events } = simulate(graph, {
      work(one) {
        asked.push(one.node)
        if (one.node === 'sub/y' || one.node === 'sub@2/y') throw new HoldfastError('UNAVAILABLE', 'no')
        return echo(one)
      },
    })
    assert.equal(phase, 'succeeded')
    assert.deepEqual(asked.sort(), ['other', 'sub/x', 'sub/y', 'sub@2/x', 'sub@2/y', 'sub@3/x', 'sub@3/y'])
    const pauses = events.flatMap((event) => (event.type === 'node-retrying' ? [event.until - event.at] : []))
    assert.deepEqual(pauses, [10, 20])
  })

  it('ends a graph within by the time limit of its node or its own, cancels what runs in it, and goes on elsewhere', () => {
    const waits = {
      nodes: [
        { id: 'w', type: 'wait', with: { ms: 60_000 } },
        { id: 'ask', type: 'approval' },
      ],
    }
    for (const graph of [
      within(waits, { timeoutMs: 50, optional: true }),
      within({ ...waits, timeoutMs: 50 }, { optional: true }),
      within({ ...waits, timeoutMs: 50 }, { optional: true, timeoutMs: 70 }),
    ]) {
      const { phase, outputs, events } = simulate(graph, { work: echo })
      assert.deepEqual([phase, outputs], ['succeeded', { end: 1 }])
      const failed = events.find(({ type }) => type === 'node-failed')
      assert.deepEqual(failed?.type === 'node-failed' && [failed.node, failed.error.message], [
        'sub',
        'sub took longer than 50 ms',
      ])
      const cancelled = events.flatMap((event) => (event.type === 'node-cancelled' ? [event.node] : []))
      assert.deepEqual(cancelled, ['sub/ask', 'sub/w'])
    }
  })

  it('stops a graph within at its first failure when it says fail-fast, and nothing else', () => {
    const graph = within(
      { onFailure: 'fail-fast', nodes: [call('bad', 1), call('slow', 2), call('behind', '${{ nodes.slow.output }}')] },
      { optional: true },
    )
    const { outputs, events } = simulate(graph, {
      work(one) {
        if (one.node === 'sub/bad') throw new HoldfastError('INVALID_ARGUMENT', 'no')
        return echo(one)
      },
    })
    assert.deepEqual(outputs, { end: 1 })
    assert.deepEqual(
      events.flatMap((event) => ('node' in event && /^node-(cancelled|failed)/.test(event.type) ? [event.node] : [])),
      ['sub/bad', 'sub/slow', 'sub'],
    )
    assert.ok(!events.some((event) => 'node' in event && event.node === 'sub/behind'))
  })

  it('makes no more calls at once in a graph within than it says, and holds up nothing else', () => {
    const inner = {
      concurrency: 2,
      inputs: { item: {} },
      nodes: [call('a', 1), call('b', 2), call('c', 3), { id: 'now', type: 'transform', with: { value: 1 } }],
    }
    const graph = compileGraph({
      name: 'g',
      concurrency: 5,
      nodes: [{ id: 'all', type: 'for-each', with: { items: [1, 2, 3], graph: inner } }, call('other', 1)],
    })
    const interpreter = new Interpreter(graph, 'r')
    interpreter.apply({ at: 0, type: 'run-started', graph: 'g', inputs: {} })
    interpreter.advance(0)
    const under = () => [...interpreter.calls()].map(({ node }) => node)
    assert.deepEqual(under(), ['other', 'all[0]/a', 'all[0]/b', 'all[1]/a', 'all[1]/b'])
    const end = (node: string) => {
      interpreter.apply({ at: 0, type: 'node-completed', node, attempt: 1, outputs: { output: 1 } })
      interpreter.advance(0)
    }
    end('other')
    assert.deepEqual(under().at(-1), 'all[2]/a')
    end('all[0]/a')
    assert.deepEqual(under().at(-1), 'all[2]/b')
    end('all[0]/b')
    assert.deepEqual(under().at(-1), 'all[0]/c')
    for (let one = under()[0]; one !== undefined; one = under()[0]) end(one)
    assert.equal(interpreter.phase, 'succeeded')
  })

  it('refuses a log that cannot be', () => {
    const graph = compileGraph({ name: 'g', nodes: [call('a', 1)] })
    const interpreter = new Interpreter(graph, 'r')
    interpreter.apply({ at: 0, type: 'run-started', graph: 'g', inputs: {} })
    const completed = { at: 0, type: 'node-completed', node: 'a', attempt: 1, outputs: {} } as const
    assert.throws(() => interpreter.apply({ ...completed, node: 'b' }), { code: 'DATA_LOSS' })
    interpreter.apply(completed)
    assert.throws(() => interpreter.apply(completed), { code: 'DATA_LOSS' })
  })
})
