import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { custom, echo } from '../conformance/stage.js'
import { type LocalEngine, type LocalEngineOptions, openLocalEngine } from './local-engine.js'

const asking = {
  name: 'asks',
  nodes: [custom('a', 1), { id: 'ask', type: 'approval', needs: ['a'] }, custom('b', '${{ nodes.ask.payload }}')],
  outputs: { b: '${{ nodes.b.output }}' },
}

function open(store: DocumentStore, more: Partial<LocalEngineOptions> = {}): Promise<LocalEngine> {
  return openLocalEngine(store, { executors: { custom: echo }, parkAfterMs: 20, pollMs: 50, ...more })
}

async function parked(engine: LocalEngine): Promise<void> {
  while (engine.active > 0 || (await engine.open()).running > 0) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('a run that waits', () => {
  it('takes up no place among the runs of its process, and goes on when it is answered', async () => {
    await using store = await openDocumentStore('memory:')
    await using engine = await open(store, { maxActive: 1 })
    const ids: string[] = []
    for (let n = 0; n < 3; n += 1) ids.push((await engine.start({ graph: asking })).id)
    await parked(engine)
    assert.deepEqual(await engine.open(), { queued: 0, running: 0, paused: 0, waiting: 3 })
    const { id } = await engine.start({ graph: { name: 'g', nodes: [custom('a', 1)] } })
    assert.equal((await engine.wait(id)).state, 'succeeded')
    for (const one of ids) await engine.signal(one, { name: 'ask', payload: one })
    for (const one of ids) assert.deepEqual((await engine.wait(one)).outputs, { b: one })
  })

  it('goes on at its time, and at any other process', async () => {
    await using store = await openDocumentStore('memory:')
    const first = await open(store)
    const graph = { name: 'w', nodes: [{ id: 'w', type: 'wait', with: { ms: 300 } }, custom('a', 1, { needs: ['w'] })] }
    const { id } = await first.start({ graph })
    const late = await first.start({ graph })
    await parked(first)
    assert.equal((await first.wait(id)).state, 'succeeded')
    await first.close()
    await using other = await open(store)
    assert.equal((await other.wait(late.id)).state, 'succeeded')
  })

  it('is cancelled, paused and resumed as any other', async () => {
    await using store = await openDocumentStore('memory:')
    await using engine = await open(store)
    const { id } = await engine.start({ graph: asking })
    const other = await engine.start({ graph: asking })
    await parked(engine)
    await engine.cancel(id)
    assert.equal((await engine.wait(id)).state, 'cancelled')
    await engine.pause(other.id)
    while ((await engine.get(other.id)).state !== 'paused') await new Promise((resolve) => setTimeout(resolve, 5))
    await parked(engine)
    await engine.signal(other.id, { name: 'ask', payload: 1 })
    await engine.resume(other.id)
    assert.deepEqual((await engine.wait(other.id)).outputs, { b: 1 })
  })

  it('counts as a run of its graph', async () => {
    await using store = await openDocumentStore('memory:')
    await using engine = await open(store)
    const graph = { ...asking, maxRuns: 1 }
    const { id } = await engine.start({ graph })
    await parked(engine)
    const second = await engine.start({ graph })
    assert.equal(second.state, 'queued')
    await engine.signal(id, { name: 'ask' })
    await engine.wait(id)
    await engine.signal(second.id, { name: 'ask', payload: 2 })
    assert.deepEqual((await engine.wait(second.id)).outputs, { b: 2 })
  })
})
