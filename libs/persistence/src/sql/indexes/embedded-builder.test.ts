import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { openDocumentStore } from '../../open.js'

it('the embedded database builds indexes on a collection that has many documents, and says when', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-indexes-'))
  try {
    await using store = await openDocumentStore(`embedded:${folder}/data`)
    const items = Array.from({ length: 3_000 }, (_, n) => ({ id: `${n}`, data: { n, tags: [`t${n % 7}`] } }))
    await store.collection<{ n: number; tags: string[] }>('rows').insertMany(items)
    const rows = store.collection<{ n: number; tags: string[] }>('rows', {
      indexes: [
        { on: 'n', unique: true },
        { on: 'tags', array: true },
        { on: ['tags'], text: true },
      ],
    })
    assert.equal((await rows.find({ n: 77 }).toArray()).length, 1)
    await store.indexes.built()
    const { indexes } = await store.indexes.report()
    assert.deepEqual(indexes.map(({ on, status }) => `${on.join()} ${status}`).sort(), [
      'n ready',
      'tags ready',
      'tags ready',
    ])
    assert.equal(await rows.count({ tags: 't3' }), 429)
    await assert.rejects(rows.put('x', { n: 5, tags: [] }), { reason: 'UNIQUE_VIOLATION' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
