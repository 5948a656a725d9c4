import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type OpenStage, Puppet, custom, echo, eventsOf } from './stage.js'

export function runCases(open: OpenStage): void {
  it('runs a graph, and tells all that happened in order', async () => {
    await using stage = await open({ custom: echo })
    const { engine } = stage
    const graph = {
      name: 'chain',
      inputs: { word: { type: 'string' } },
      nodes: [
        custom('a', '${{ inputs.word }}'),
        custom('b', '${{ nodes.a.output }}!'),
        { id: 'c', type: 'transform', with: { value: '${{ nodes.b.output }}?' } },
      ],
      outputs: { said: '${{ nodes.c.value }}' },
    }
    const { id } = await engine.start({ graph, inputs: { word: 'hi' } })
    const run = await engine.wait(id)
    assert.deepEqual([run.state, run.outputs], ['succeeded', { said: 'hi!?' }])
    const events = await eventsOf(engine, id)
    assert.deepEqual(
      events.map((event) => [event.type, 'node' in event ? event.node : '']),
      [
        ['run-started', ''],
        ['node-started', 'a'],
        ['node-completed', 'a'],
        ['node-started', 'b'],
        ['node-completed', 'b'],
        ['node-completed', 'c'],
        ['run-completed', ''],
      ],
    )
    assert.deepEqual(
      (await engine.nodes(id)).map(({ node, state }) => [node, state]),
      [
        ['a', 'completed'],
        ['b', 'completed'],
        ['c', 'completed'],
      ],
    )
  })

  it('starts a node as soon as what it needs is there, whatever else still runs', async () => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const graph = {
      name: 'skewed',
      nodes: [custom('slow', 1), custom('fast', 2), custom('behind_fast', '${{ nodes.fast.output }}')],
    }
    const { id } = await engine.start({ graph })
    await puppet.answer('fast', 'x')
    await puppet.answer('behind_fast', 'y')
    await puppet.answer('slow', 'z')
    assert.equal((await engine.wait(id)).state, 'succeeded')
  })

  it('refuses graphs and inputs that do not fit, naming the place', async () => {
    await using stage = await open({ custom: echo })
    const { engine } = stage
    const graph = { name: 'g', inputs: { n: { type: 'integer' } }, nodes: [custom('a', '${{ inputs.n }}')] }
    await assert.rejects(engine.start({ graph, inputs: { n: 'one' } }), (error: HoldfastError) => {
      assert.deepEqual(
        [error.code, error.reason, error.fields[0]?.field],
        ['INVALID_ARGUMENT', 'INPUTS_INVALID', 'inputs.n'],
      )
      return true
    })
    await assert.rejects(engine.start({ graph, inputs: {} }), { reason: 'INPUTS_INVALID' })
    await assert.rejects(
      engine.start({ graph: { name: 'g', nodes: [custom('a', '${{ nodes.b.output }}')] } }),
      (error: HoldfastError) => {
        assert.deepEqual([error.reason, error.fields[0]?.field], ['GRAPH_INVALID', 'nodes[0].with.input'])
        return true
      },
    )
  })

  it('starts one run for one key, and refuses the key for another', async () => {
    await using stage = await open({ custom: echo })
    const { engine } = stage
    const graph = { name: 'g', inputs: { n: {} }, nodes: [custom('a', '${{ inputs.n }}')] }
    const runs = await Promise.all([1, 2, 3].map(() => engine.start({ graph, inputs: { n: 1 }, key: 'k' })))
    assert.equal(new Set(runs.map(({ id }) => id)).size, 1)
    await assert.rejects(engine.start({ graph, inputs: { n: 2 }, key: 'k' }), {
      code: 'ALREADY_EXISTS',
      reason: 'KEY_REUSED',
    })
  })

  it('gives calls a key that is the same for the same attempt only', async () => {
    const puppet = new Puppet()
    await using stage = await open({ custom: puppet.execute })
    const { engine } = stage
    const graph = {
      name: 'g',
      nodes: [custom('a', '${{ item }}', { forEach: '[1,2]', retry: { maxAttempts: 2, backoffMs: 1 } })],
    }
    const { id } = await engine.start({ graph })
    await puppet.fail('a[0]', new HoldfastError('UNAVAILABLE', 'away'))
    await puppet.answer('a[1]', 2)
    await puppet.answer('a[0]', 1)
    assert.equal((await engine.wait(id)).state, 'succeeded')
    assert.deepEqual(puppet.calls.map(({ key }) => key.replace(id, 'run')).sort(), [
      'dag:run:a[0]:1',
      'dag:run:a[0]:2',
      'dag:run:a[1]:1',
    ])
  })

  it('keeps outputs of any size', async () => {
    const large = 'x'.repeat(200_000)
    await using stage = await open({ custom: async () => ({ output: large }) })
    const { engine } = stage
    const { id } = await engine.start({
      graph: {
        name: 'g',
        nodes: [custom('a', 1), custom('b', '${{ nodes.a.output }}')],
        outputs: { all: '${{ nodes.b.output }}' },
      },
    })
    assert.equal((await engine.wait(id)).outputs?.['all'], large)
    const [completed] = (await eventsOf(engine, id)).filter(({ type }) => type === 'node-completed')
    assert.equal(completed?.type === 'node-completed' ? completed.outputs['output'] : '', large)
  })

  it('answers what is not there with NOT_FOUND', async () => {
    await using stage = await open({ custom: echo })
    const { engine } = stage
    const calls = [
      engine.get('x'),
      engine.wait('x'),
      engine.cancel('x'),
      engine.signal('x', { name: 'y' }),
      engine.rerun('x'),
      eventsOf(engine, 'x'),
    ]
    for (const call of await Promise.allSettled(calls)) {
      assert.equal(call.status === 'rejected' ? (call.reason as HoldfastError).code : '', 'NOT_FOUND')
    }
  })

  it('lists runs newest first, page by page', async () => {
    await using stage = await open({ custom: echo })
    const { engine } = stage
    const ids: string[] = []
    for (const name of ['one', 'two', 'one']) {
      const { id } = await engine.start({ graph: { name, nodes: [custom('a', 1)] } })
      ids.unshift(id)
      await engine.wait(id)
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
    const first = await engine.list({ limit: 2 })
    const second = await engine.list({ limit: 2, ...(first.next === undefined ? {} : { cursor: first.next }) })
    assert.deepEqual(
      [...first.runs, ...second.runs].map(({ id }) => id),
      ids,
    )
    assert.deepEqual(
      (await engine.list({ graph: 'two' })).runs.map(({ id }) => id),
      [ids[1]],
    )
    assert.equal((await engine.list({ state: 'failed' })).runs.length, 0)
  })
}
