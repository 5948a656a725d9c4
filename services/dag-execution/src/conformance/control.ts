import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { NodeCall } from '../executors/node-executor.js'
import { type OpenStage, Puppet, custom, echo, eventsOf } from './stage.js'

export function controlCases(open: OpenStage): void {
  it('cancels calls that are under way, and starts nothing more', async () => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const { id } = await engine.start({
      graph: { name: 'g', nodes: [custom('a', 1), custom('b', '${{ nodes.a.output }}')] },
    })
    await puppet.asked('a')
    await engine.cancel(id)
    assert.equal((await engine.wait(id)).state, 'cancelled')
    assert.equal(puppet.calls[0]?.signal.aborted, true)
    assert.deepEqual(
      (await eventsOf(engine, id)).slice(-3).map(({ type }) => type),
      ['run-stopping', 'node-cancelled', 'run-cancelled'],
    )
    await engine.cancel(id)
    await assert.rejects(engine.pause(id), { code: 'FAILED_PRECONDITION', reason: 'RUN_ENDED' })
  })

  it('waits for a signal, and takes one that came before', async () => {
    await using stage = await open({ custom: echo })
    const { engine } = stage
    const graph = {
      name: 'g',
      nodes: [
        { id: 'ask', type: 'approval', with: { message: 'May I?' } },
        { id: 'named', type: 'approval', with: { signal: 'other' }, needs: ['ask'] },
      ],
      outputs: { first: '${{ nodes.ask.approved }}', second: '${{ nodes.named.payload }}' },
    }
    const { id } = await engine.start({ graph })
    await engine.signal(id, { name: 'other', payload: { by: 'ada' } })
    await engine.signal(id, { name: 'ask', payload: false, key: 'once' })
    await engine
      .signal(id, { name: 'ask', payload: false, key: 'once' })
      .catch((error: HoldfastError) => assert.equal(error.reason, 'RUN_ENDED'))
    assert.deepEqual((await engine.wait(id)).outputs, { first: false, second: { by: 'ada' } })
  })

  it('starts nothing while a run is paused, and goes on when it is resumed', async () => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const { id } = await engine.start({
      graph: { name: 'g', nodes: [custom('a', 1), custom('b', '${{ nodes.a.output }}')] },
    })
    await puppet.asked('a')
    await engine.pause(id)
    for await (const { event } of engine.subscribe(id)) if (event.type === 'run-paused') break
    await puppet.answer('a', 1)
    for await (const { event } of engine.subscribe(id)) if (event.type === 'node-completed') break
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual([puppet.calls.length, (await engine.get(id)).state], [1, 'paused'])
    await engine.resume(id)
    await puppet.answer('b', 2)
    assert.equal((await engine.wait(id)).state, 'succeeded')
  })

  it('ends attempts, runs and waits by their time limits', async () => {
    await using stage = await open({ custom: () => new Promise(() => {}) })
    const { engine } = stage
    const slow = await engine.start({
      graph: { name: 'g', timeoutMs: 60, nodes: [{ id: 'w', type: 'wait', with: { ms: 60_000 } }] },
    })
    const wait = await engine.start({ graph: { name: 'g', nodes: [{ id: 'w', type: 'wait', with: { ms: 30 } }] } })
    const approval = await engine.start({
      graph: { name: 'g', nodes: [{ id: 'ask', type: 'approval', timeoutMs: 40 }] },
    })
    assert.deepEqual(
      [(await engine.wait(slow.id)).state, (await engine.wait(slow.id)).error?.reason],
      ['failed', 'RUN_TIMEOUT'],
    )
    assert.equal((await engine.wait(wait.id)).state, 'succeeded')
    assert.equal((await engine.wait(approval.id)).error?.reason, 'APPROVAL_TIMEOUT')
  })

  it('tells a call that takes too long to stop, and tries again', async () => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const { id } = await engine.start({
      graph: { name: 'g', nodes: [custom('a', 1, { timeoutMs: 30, retry: { maxAttempts: 2, backoffMs: 1 } })] },
    })
    const run = await engine.wait(id)
    assert.deepEqual(
      [run.state, run.error?.code, run.failedNode, puppet.calls.length],
      ['failed', 'DEADLINE_EXCEEDED', 'a', 2],
    )
  })

  it('tells what runs in a graph within that takes too long to stop, and tries the graph again under other keys', async () => {
    const calls: NodeCall[] = []
    const isY = ({ node }: NodeCall) => node.endsWith('/y')
    await using stage = await open({
      custom: async (call) => {
        calls.push(call)
        // The first one hangs, in whichever attempt it is asked: a slow machine may not reach it in the first.
        if (isY(call) && calls.filter(isY).length === 1)
          await new Promise((_, reject) =>
            call.signal.addEventListener('abort', () => reject(call.signal.reason as Error)),
          )
        return echo(call)
      },
    })
    const { engine } = stage
    const inner = {
      name: 'inner',
      nodes: [custom('x', 1), custom('y', '${{ nodes.x.output }}')],
      outputs: { y: '${{ nodes.y.output }}' },
    }
    const retry = { maxAttempts: 20, backoffMs: 1 }
    const graph = {
      name: 'g',
      nodes: [
        { id: 'sub', type: 'sub-graph', with: { graph: inner }, timeoutMs: 300, retry },
        custom('z', '${{ nodes.sub.y }}'),
      ],
      outputs: { z: '${{ nodes.z.output }}' },
    }
    const { id } = await engine.start({ graph })
    const run = await engine.wait(id)
    assert.deepEqual([run.state, run.outputs], ['succeeded', { z: 1 }])
    const [hung, last] = [calls.find(isY), calls.findLast(isY)]
    assert.equal(hung?.signal.aborted, true)
    assert.equal(new Set(calls.map(({ key }) => key)).size, calls.length)
    assert.match(last?.node ?? '', /^sub@\d+\/y$/)
    const before = calls.length
    const again = await engine.rerun(id, { from: last?.node ?? '' })
    assert.deepEqual((await engine.wait(again.id)).outputs, { z: 1 })
    assert.equal(calls[before]?.node, 'sub/y')
  })

  it('lets no more runs of a graph run at once than it says, and those of higher priority first', async () => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const graph = { name: 'limited', maxRuns: 1, inputs: { n: {} }, nodes: [custom('a', '${{ inputs.n }}')] }
    const first = await engine.start({ graph, inputs: { n: 1 } })
    const second = await engine.start({ graph, inputs: { n: 2 } })
    const third = await engine.start({ graph, inputs: { n: 3 }, priority: 5 })
    assert.deepEqual([first.state, second.state, third.state], ['running', 'queued', 'queued'])
    await puppet.answer('a', 1)
    await engine.wait(first.id)
    await puppet.answer('a', 3)
    await engine.wait(third.id)
    await puppet.answer('a', 2)
    await engine.wait(second.id)
    assert.deepEqual(
      puppet.calls.map(({ input }) => input['input']),
      [1, 3, 2],
    )
  })

  it('cancels a run that waits for its turn', async () => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const graph = { name: 'limited', maxRuns: 1, nodes: [custom('a', 1)] }
    await engine.start({ graph })
    const second = await engine.start({ graph })
    await engine.cancel(second.id)
    assert.equal((await engine.wait(second.id)).state, 'cancelled')
  })
}
