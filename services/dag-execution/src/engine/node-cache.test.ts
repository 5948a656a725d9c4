import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { NodeCache } from './node-cache.js'

it('keeps what its entries name and what is large in blobs, which collect() leaves, until the entries are over', async () => {
  await using store = await openDocumentStore('memory:')
  const cache = new NodeCache(store)
  const { hash } = await store.blobs.put(Buffer.from('audio'))
  const outputs = { audio: hash, other: '0'.repeat(64), text: 'x'.repeat(100_000) }
  await cache.keep('k', outputs)
  await cache.keep('k', outputs)
  await store.blobs.collect({ olderThanMs: 0 })
  assert.equal((await store.blobs.bytes(hash)).toString(), 'audio')
  assert.deepEqual(await cache.find('k'), outputs)
  assert.equal(await cache.sweep(), 0)
  await store.collection('dag-cache').updateOne('k', { $set: { until: 1 } })
  assert.equal(await cache.find('k'), undefined)
  assert.equal(await cache.sweep(), 1)
  assert.deepEqual(await store.blobs.links(hash), [])
})
