import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import type { NodeCall } from '../executors/node-executor.js'
import { ActiveTenants } from './active-tenants.js'
import { DagTenants } from './dag-tenants.js'

const graph = {
  name: 'g',
  inputs: { n: {} },
  nodes: [{ id: 'a', type: 'custom', with: { service: 's', input: '${{ inputs.n }}' } }],
  outputs: { a: '${{ nodes.a.output }}' },
}

function open(store: DocumentStore, calls: NodeCall[], more: { readonly maxActive?: number } = {}): DagTenants {
  const tenants = new DagTenants({
    store,
    executors: {
      custom: async (call) => {
        calls.push(call)
        return { output: `${call.tenant} ${JSON.stringify(call.input['input'])}` }
      },
    },
    pollMs: 20,
    lookMs: 20,
    maxRunsOf: (tenant) => (tenant === 'small' ? 1 : undefined),
    ...more,
  })
  tenants.begin()
  return tenants
}

describe('runs of several tenants in one process', () => {
  it('are each in the store of their tenant, which no other sees, and call as it', async () => {
    await using store = await openDocumentStore('memory:')
    const calls: NodeCall[] = []
    await using tenants = open(store, calls)
    const [acme, other] = [tenants.of('acme').engine, tenants.of('other').engine]
    const ours = await acme.start({ graph, inputs: { n: 1 }, key: 'k' })
    const theirs = await other.start({ graph, inputs: { n: 2 }, key: 'k' })
    assert.deepEqual((await acme.wait(ours.id)).outputs, { a: 'acme 1' })
    assert.deepEqual((await other.wait(theirs.id)).outputs, { a: 'other 2' })
    assert.equal((await acme.list()).runs.length, 1)
    const hidden = await other.start({ graph, inputs: { n: 3 } })
    await assert.rejects(acme.get(hidden.id), { code: 'NOT_FOUND' })
    await other.wait(hidden.id)
    assert.deepEqual(calls.map(({ tenant }) => tenant).sort(), ['acme', 'other', 'other'])
  })

  it('are found by a process that never heard of the tenant, with its schedules', async () => {
    await using store = await openDocumentStore('memory:')
    await using asking = open(store, [], { maxActive: 0 })
    const { engine, graphs, schedules } = asking.of('late')
    const { id } = await engine.start({ graph, inputs: { n: 1 } })
    const calls: NodeCall[] = []
    await using _working = open(store, calls)
    assert.deepEqual((await engine.wait(id)).outputs, { a: 'late 1' })
    await graphs.create(JSON.stringify(graph))
    await schedules.put({ id: 's', graph: 'g', cron: '* * * * * *', inputs: { n: 2 } })
    while (calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual([calls[1]?.tenant, calls[1]?.input['input']], ['late', 2])
    await schedules.delete('s')
  })

  it('wait under the limit of their tenant, and hold up nobody else', async () => {
    await using store = await openDocumentStore('memory:')
    await using tenants = open(store, [])
    const waiting = { name: 'w', nodes: [{ id: 'ask', type: 'approval' }] }
    const small = tenants.of('small').engine
    const first = await small.start({ graph: waiting })
    const second = await small.start({ graph, inputs: { n: 1 } })
    assert.deepEqual([first.state, second.state], ['running', 'queued'])
    const { engine } = tenants.of('default')
    assert.equal((await engine.wait((await engine.start({ graph, inputs: { n: 1 } })).id)).state, 'succeeded')
    await small.signal(first.id, { name: 'ask' })
    assert.equal((await small.wait(second.id)).state, 'succeeded')
  })
})

describe('a tenant', () => {
  it('is looked after until it has nothing to do, whoever begins something meanwhile', async () => {
    await using store = await openDocumentStore('memory:')
    const [here, there] = [new ActiveTenants(store, 0), new ActiveTenants(store, 0)]
    await here.note('acme')
    assert.deepEqual(await there.list(), ['acme'])
    assert.equal(await there.rest('acme', async () => false), false)
    const meanwhile = async () => {
      await there.note('acme')
      return true
    }
    assert.equal(await here.rest('acme', meanwhile), false)
    assert.deepEqual(await here.list(), ['acme'])
    assert.equal(await here.rest('acme', async () => true), true)
    assert.deepEqual(await there.list(), [])
    await here.note('acme')
    assert.deepEqual(await there.list(), ['acme'])
    assert.equal(await new ActiveTenants(store).rest('acme', async () => true), false)
  })
})
