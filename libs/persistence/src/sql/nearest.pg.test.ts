import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { debianVersions, startPostgres } from '@holdfast/test-servers'
import { openDocumentStore } from '../open.js'

interface Place {
  readonly name: string
  readonly vector?: string
}

const declared = { vectors: ['vector'], indexes: [{ on: 'kind' }] }

describe('vectors without pgvector', () => {
  it('are left to the caller to compare', async () => {
    for (const url of ['memory:']) {
      await using store = await openDocumentStore(url)
      const places = store.collection<Place>('places', declared)
      await places.insertOne({ name: 'a', vector: '[1,0]' })
      assert.equal(await places.nearest('vector', '[1,0]', { filter: {}, limit: 5 }), undefined)
    }
  })

  it('refuses what is no vector, no limit and no filter', async () => {
    await using store = await openDocumentStore('memory:')
    const places = store.collection<Place>('places', declared)
    const bad = [
      ['[1,x]', {}, 5],
      ['1,2', {}, 5],
      ['[1]', { a: { $near: 1 } }, 5],
      ['[1]', {}, 0],
    ] as const
    for (const [to, filter, limit] of bad) {
      await assert.rejects(places.nearest('vector', to, { filter, limit }), { code: 'INVALID_ARGUMENT' })
    }
    for (const vectors of [['a.b'], ['a', 'a'], [1], 'vector']) {
      const options = JSON.parse(JSON.stringify({ vectors })) as typeof declared
      assert.throws(() => store.collection('others', options), { code: 'INVALID_ARGUMENT' })
    }
  })
})

const [version] = await debianVersions()
const server = version === undefined ? undefined : await startPostgres({ source: 'debian', settings: { fsync: 'off' } })
after(() => server?.stop())
const skip =
  server !== undefined && (await hasPgvector(await server.createDatabase()))
    ? false
    : 'pgvector is not installed beside Debian’s PostgreSQL'

describe('vectors on a server with pgvector', { skip }, () => {
  it('are compared by it, exactly, among the documents that match', async () => {
    assert(server)
    await using store = await openDocumentStore(await server.createDatabase())
    const places = store.tenant('acme').collection<Place & { kind: string }>('places', declared)
    await store.tenant('other').collection<Place>('places', declared).insertOne({ name: 'foreign', vector: '[3,4]' })
    const angles = Array.from({ length: 200 }, (_, n) => (n * Math.PI) / 400)
    await places.insertMany(
      angles.map((angle, n) => ({
        id: `p${n}`,
        data: { name: `p${n}`, kind: n % 2 === 0 ? 'even' : 'odd', vector: `[${Math.cos(angle)},${Math.sin(angle)}]` },
      })),
    )
    await places.insertOne({ name: 'without', kind: 'even' })
    const near = await places.nearest('vector', '[5,0]', { filter: { kind: 'even' }, limit: 3 })
    assert.deepEqual(
      near?.map(({ document }) => document.data),
      ['p0', 'p2', 'p4'].map((name) => ({ name, kind: 'even' })),
    )
    assert.ok(near?.every(({ similarity }, n) => Math.abs(similarity - Math.cos(angles[2 * n] ?? 0)) < 1e-3))
    await places.updateOne('p2', { $set: { vector: '[-1,0]' } })
    await places.deleteOne('p0')
    const after = await places.nearest('vector', '[5,0]', { filter: { kind: 'even' }, limit: 1 })
    assert.equal(after?.[0]?.document.id, 'p4')
    assert.deepEqual((await places.get('p4'))?.data.vector?.startsWith('['), true)
  })

  it('refuses text that is no vector, and vectors of other lengths than the one asked for', async () => {
    assert(server)
    await using store = await openDocumentStore(await server.createDatabase())
    const places = store.collection<Place>('places', declared)
    await assert.rejects(places.insertOne({ name: 'a', vector: 'north' }), { code: 'INVALID_ARGUMENT' })
    await places.insertOne({ name: 'a', vector: '[1,2,3]' })
    await assert.rejects(places.nearest('vector', '[1,2]', { filter: {}, limit: 1 }), { code: 'INVALID_ARGUMENT' })
  })

  it('are there for documents that were stored before they were declared', async () => {
    assert(server)
    const url = await server.createDatabase()
    {
      await using before = await openDocumentStore(url)
      await before.collection<Place>('places').insertOne({ name: 'a', vector: '[1,2]' })
    }
    await using store = await openDocumentStore(url)
    const near = await store.collection<Place>('places', declared).nearest('vector', '[1,2]', { filter: {}, limit: 1 })
    assert.equal(near?.[0]?.document.data.name, 'a')
  })
})

async function hasPgvector(url: string): Promise<boolean> {
  await using store = await openDocumentStore(url)
  const near = await store.collection('probe', declared).nearest('vector', '[1]', { filter: {}, limit: 1 })
  return near !== undefined
}
