import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { custom, eventsOf } from '../conformance/stage.js'
import { openLocalEngine } from './local-engine.js'

it('a subscription behind the last event ends, also while the document has not followed the log', async () => {
  await using store = await openDocumentStore('memory:')
  await using engine = await openLocalEngine(store, { executors: { custom: async () => ({ output: 1 }) } })
  const { id } = await engine.start({ graph: { name: 'g', nodes: [custom('a', 1)] } })
  await engine.wait(id)
  const { length } = await eventsOf(engine, id)
  // As it stands for some milliseconds after the last event.
  await store.collection('dag-runs').updateOne(id, { $set: { state: 'running' } })
  for (const after of [length, 1_000]) {
    const late = setTimeout(() => assert.fail(`the subscription after ${after} does not end`), 5_000)
    assert.deepEqual(await eventsOf(engine, id, after), [])
    clearTimeout(late)
  }
})
