import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { Backend, DocumentOperations } from './backend.js'
import { createMemoryBackend } from './memory/memory-backend.js'
import { Store } from './store.js'

/** The memory backend with answers that get lost: the outcome of a write is then UNKNOWN to the store. */
function lossy(): {
  readonly store: Store
  readonly lose: (what: 'statement' | 'answer', meanwhile?: () => Promise<unknown>) => void
} {
  const backend = createMemoryBackend()
  let next: { what: 'statement' | 'answer'; meanwhile: (() => Promise<unknown>) | undefined } | undefined
  const unknown = new HoldfastError('UNKNOWN', 'the connection was lost', { reason: 'CONNECTION_LOST' })
  const { documents } = backend
  const losing = async <R>(write: () => Promise<R>): Promise<R> => {
    const plan = next
    next = undefined
    if (plan === undefined) return write()
    if (plan.what === 'answer') await write()
    await plan.meanwhile?.()
    throw unknown
  }
  const operations: DocumentOperations = new Proxy(documents, {
    get(target, name) {
      const method = Reflect.get(target, name, target) as (...values: unknown[]) => Promise<unknown>
      if (typeof method !== 'function') return method
      const call = (...values: unknown[]): Promise<unknown> => method.apply(target, values)
      return name === 'insert' || name === 'replace' ? (...values: unknown[]) => losing(() => call(...values)) : call
    },
  })
  const wrapped: Backend = new Proxy(backend, {
    get(target, name) {
      if (name === 'documents') return operations
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return {
    store: new Store(wrapped),
    lose: (what, meanwhile) => {
      next = { what, meanwhile }
    },
  }
}

describe('a write whose answer was lost', () => {
  for (const what of ['statement', 'answer'] as const) {
    it(`is answered when its id was made up for it and the ${what} got lost`, async () => {
      const { store, lose } = lossy()
      const docs = store.collection<number>('docs')
      await docs.count()
      lose(what)
      const written = await docs.insertOne(1)
      assert.equal(written.version, 1)
      assert.equal(await docs.count(), 1)
      assert.deepEqual((await docs.get(written.id))?.data, 1)
    })
  }

  it('takes effect when it did not before: a put of a version, a put of what is not there, an insert', async () => {
    const { store, lose } = lossy()
    const docs = store.collection<number>('docs')
    lose('statement')
    assert.equal((await docs.put('a', 1, { ifVersion: 0 })).version, 1)
    lose('statement')
    assert.equal((await docs.put('a', 2, { ifVersion: 1 })).version, 2)
    lose('statement')
    assert.equal((await docs.insertOne(3, { id: 'b' })).version, 1)
    assert.deepEqual(
      (await docs.find().toArray()).map(({ data }) => data),
      [2, 3],
    )
  })

  it('is refused when another wrote something else at that version', async () => {
    const { store, lose } = lossy()
    const docs = store.collection<number>('docs')
    await docs.put('a', 1)
    lose('statement', () => docs.put('a', 7))
    await assert.rejects(docs.put('a', 2, { ifVersion: 1 }), { code: 'ABORTED', reason: 'STALE_VERSION' })
    lose('statement', () => docs.put('b', 7))
    await assert.rejects(docs.insertOne(2, { id: 'b' }), { code: 'ALREADY_EXISTS' })
  })

  it('stays unknown when what stands there may be its own or another’s', async () => {
    const { store, lose } = lossy()
    const docs = store.collection<number>('docs')
    await docs.put('a', 1)
    lose('answer')
    await assert.rejects(docs.put('a', 2, { ifVersion: 1 }), { code: 'UNKNOWN' })
    assert.equal((await docs.get('a'))?.version, 2)
    lose('answer', () => docs.put('a', 9))
    await assert.rejects(docs.put('a', 3, { ifVersion: 2 }), { code: 'UNKNOWN' })
  })
})
