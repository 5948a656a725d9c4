import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type OpenStage, Puppet, custom, echo, eventsOf } from './stage.js'

export function keepingCases(open: OpenStage): void {
  it('goes on with a run in another process: what was recorded is not done again, what was under way is, under the same key', async (t) => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const graph = {
      name: 'g',
      nodes: [
        custom('a', 1),
        custom('b', '${{ nodes.a.output }}'),
        { id: 'w', type: 'wait', with: { ms: 20 }, needs: ['b'] },
        { id: 'ask', type: 'approval', needs: ['w'] },
      ],
      outputs: { b: '${{ nodes.b.output }}', yes: '${{ nodes.ask.approved }}' },
    }
    const { id } = await engine.start({ graph })
    await puppet.answer('a', 'x')
    await puppet.asked('b')
    await stage.stop(engine)
    const other = await stage.another()
    if (other === undefined) return t.skip('one process at a time')
    while (puppet.calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 10))
    await puppet.answer('b', 'y')
    await other.signal(id, { name: 'ask' })
    const run = await other.wait(id)
    assert.deepEqual(run.outputs, { b: 'y', yes: true })
    assert.deepEqual(
      puppet.calls.map(({ node, key }) => [node, key.replace(id, '')]),
      [
        ['a', 'dag::a:1'],
        ['b', 'dag::b:1'],
        ['b', 'dag::b:1'],
      ],
    )
  })

  it('gives each of several nodes what was answered for it, in whatever order it is made again', async (t) => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const ids = ['a', 'b', 'c', 'd']
    const graph = {
      name: 'g',
      nodes: [
        ...ids.map((node) => custom(node, node)),
        custom('each', '${{ item }}', { forEach: JSON.stringify(ids) }),
      ],
      outputs: { all: ids.map((node) => '${{ nodes.' + node + '.output }}'), each: '${{ nodes.each.output }}' },
    }
    const { id } = await engine.start({ graph })
    // Not as they began, and not those that began first.
    for (const node of ['c', 'a', 'each[3]', 'each[1]']) await puppet.answer(node, `of ${node}`)
    for await (const { event } of engine.subscribe(id))
      if (event.type === 'node-completed' && event.node === 'each[1]') break
    await stage.stop(engine)
    const other = await stage.another()
    if (other === undefined) return t.skip('one process at a time')
    for (const node of ['each[2]', 'd', 'each[0]', 'b']) await puppet.answer(node, `of ${node}`)
    assert.deepEqual((await other.wait(id)).outputs, {
      all: ids.map((node) => `of ${node}`),
      each: ids.map((_, index) => `of each[${index}]`),
    })
  })

  it('goes on with the time limit of a call where it was, in another process', async (t) => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const graph = {
      name: 'g',
      nodes: [
        custom('short', 1, { timeoutMs: 150, retry: { maxAttempts: 1 }, optional: true }),
        custom('long', 1, { timeoutMs: 60_000 }),
      ],
    }
    const { id } = await engine.start({ graph })
    while (puppet.calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    await stage.stop(engine)
    await new Promise((resolve) => setTimeout(resolve, 150))
    const other = await stage.another()
    if (other === undefined) return t.skip('one process at a time')
    while (puppet.calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 10))
    await puppet.answer('long', 'x')
    assert.equal((await other.wait(id)).state, 'succeeded')
    const failed = (await eventsOf(other, id)).find(({ type }) => type === 'node-failed')
    assert.equal(failed?.type === 'node-failed' && failed.error.reason, 'NODE_TIMEOUT')
    assert.deepEqual(puppet.calls.map(({ node }) => node).toSorted(), ['long', 'long', 'short'])
    const [first, second] = puppet.calls.flatMap(({ node, deadline }) => (node === 'long' ? [Number(deadline)] : []))
    // The first counts from the call, the second from the record of its start, just before.
    assert.ok((second ?? Infinity) <= (first ?? 0), `${first} and ${second}`)
  })

  it('gives a subscriber what it missed and what comes, each once, behind its cursor', async () => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const { id } = await engine.start({
      graph: { name: 'g', nodes: [custom('a', 1), custom('b', '${{ nodes.a.output }}')] },
    })
    await puppet.answer('a', 1)
    const seen: number[] = []
    for await (const { cursor, event } of engine.subscribe(id)) {
      seen.push(cursor)
      if (event.type === 'node-completed') break
    }
    const rest = eventsOf(engine, id, seen.at(-1))
    await puppet.answer('b', 1)
    assert.equal(seen.length + (await rest).length, (await eventsOf(engine, id)).length)
    assert.equal((await eventsOf(engine, id, 1_000)).length, 0)
  })

  it('tells what a node reports while it is at work', async () => {
    await using stage = await open({
      custom: async (call) => {
        for (const text of ['to', 'ken']) call.report({ text })
        return { output: 'token' }
      },
    })
    const { engine } = stage
    const { id } = await engine.start({ graph: { name: 'g', nodes: [custom('a', 1)] } })
    const told = (await eventsOf(engine, id)).flatMap((event) =>
      event.type === 'node-progress' ? [event.progress] : [],
    )
    assert.deepEqual(told, [{ text: 'to' }, { text: 'ken' }])
  })

  it('takes the outputs of a node that is cached from an earlier run with the same input', async () => {
    let calls = 0
    await using stage = await open({
      custom: async ({ input }) => ({ output: [input['input'] ?? null, (calls += 1)] }),
    })
    const { engine } = stage
    const graph = {
      name: 'g',
      inputs: { n: {} },
      nodes: [custom('a', '${{ inputs.n }}', { cache: true })],
      outputs: { a: '${{ nodes.a.output }}' },
    }
    const outputs: unknown[] = []
    for (const n of [1, 1, 2]) {
      const { id } = await engine.start({ graph, inputs: { n } })
      outputs.push((await engine.wait(id)).outputs?.['a'])
    }
    assert.deepEqual(outputs, [
      [1, 1],
      [1, 1],
      [2, 2],
    ])
  })

  it('runs again what failed, and takes the rest from the record', async () => {
    const calls: string[] = []
    let fails = true
    await using stage = await open({
      custom: async (call) => {
        calls.push(call.node)
        if (fails && call.node === 'each[1]') throw new HoldfastError('INVALID_ARGUMENT', 'no')
        return echo(call)
      },
    })
    const { engine } = stage
    const graph = {
      name: 'g',
      nodes: [
        custom('a', [1, 2, 3]),
        custom('each', '${{ item }}', { forEach: '${{ nodes.a.output }}' }),
        custom('sum', '${{ nodes.each.output }}'),
      ],
      outputs: { sum: '${{ nodes.sum.output }}' },
    }
    const { id } = await engine.start({ graph })
    assert.equal((await engine.wait(id)).failedNode, 'each[1]')
    fails = false
    calls.length = 0
    const again = await engine.rerun(id)
    const run = await engine.wait(again.id)
    assert.deepEqual(
      [run.state, run.outputs, run.rerunOf, calls],
      ['succeeded', { sum: [1, 2, 3] }, id, ['each[1]', 'sum']],
    )
    calls.length = 0
    await engine.wait((await engine.rerun(again.id, { from: 'each[2]' })).id)
    assert.deepEqual(calls, ['each[2]', 'sum'])
    await assert.rejects(engine.rerun(id, { from: 'nope' }), { code: 'INVALID_ARGUMENT' })
  })

  it('runs again a node of a graph within, and only what follows from it', async () => {
    const calls: string[] = []
    await using stage = await open({
      custom: async (call) => {
        calls.push(call.node)
        return echo(call)
      },
    })
    const { engine } = stage
    const inner = {
      name: 'inner',
      inputs: { item: {} },
      nodes: [custom('x', '${{ inputs.item }}'), custom('y', '${{ nodes.x.output }}')],
      outputs: { y: '${{ nodes.y.output }}' },
    }
    const graph = {
      name: 'g',
      nodes: [
        custom('a', 1),
        { id: 'all', type: 'for-each', with: { items: [1, 2], graph: inner } },
        custom('z', '${{ nodes.all.items }}'),
      ],
      outputs: { z: '${{ nodes.z.output }}' },
    }
    const { id } = await engine.start({ graph })
    const first = await engine.wait(id)
    assert.deepEqual(first.outputs, { z: [{ y: 1 }, { y: 2 }] })
    calls.length = 0
    const again = await engine.wait((await engine.rerun(id, { from: 'all[1]/y' })).id)
    assert.deepEqual([again.outputs, calls], [first.outputs, ['all[1]/y', 'z']])
  })
}
