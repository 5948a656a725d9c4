import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { Backend } from './backend.js'
import type { Scope } from './contract/scope.js'
import { createMemoryBackend } from './memory/memory-backend.js'
import { Store } from './store.js'

type Fault = 'answer lost' | 'commit lost' | 'unreachable'

/** A store whose transactions meet these faults, one after the other, and then none. */
function faulty(...faults: Fault[]): Store {
  const backend = createMemoryBackend()
  const transaction: Backend['transaction'] = async (work) => {
    const fault = faults.shift()
    if (fault === 'unreachable') throw new HoldfastError('UNAVAILABLE', 'nobody answers')
    if (fault === undefined) return backend.transaction(work)
    const unknown = new HoldfastError('UNKNOWN', 'the connection was lost at COMMIT', { reason: 'CONNECTION_LOST' })
    await backend.transaction(async (tx) => {
      await work(tx)
      if (fault === 'commit lost') throw unknown
    })
    throw unknown
  }
  const wrapped: Backend = new Proxy(backend, {
    get(target, name) {
      if (name === 'transaction') return transaction
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return new Store(wrapped)
}

const docs = (scope: Scope) => scope.collection<{ n: number }>('docs')

async function increase(tx: Scope): Promise<number | undefined> {
  const document = await docs(tx).updateOne('a', { $inc: { n: 1 } }, { upsert: true })
  return document?.data.n
}

describe('a transaction whose connection is lost at COMMIT', () => {
  for (const faults of [
    ['answer lost'],
    ['commit lost'],
    ['commit lost', 'answer lost'],
    ['answer lost', 'unreachable', 'unreachable'],
    ['commit lost', 'unreachable', 'commit lost', 'answer lost'],
  ] satisfies Fault[][]) {
    it(`takes effect once by its key, and answers, after: ${faults.join(', ')}`, async () => {
      const store = faulty(...faults)
      await docs(store).count()
      assert.equal(await store.transaction(increase, { key: 'k' }), 1)
      assert.equal((await docs(store).get('a'))?.data.n, 1)
      assert.equal(await store.transaction(increase, { key: 'k' }), 1)
    })
  }

  it('is UNKNOWN without a key', async () => {
    const store = faulty('answer lost')
    await docs(store).count()
    await assert.rejects(store.transaction(increase), { code: 'UNKNOWN' })
  })

  it('stays UNKNOWN when nobody answers within the budget, and can be repeated then', async () => {
    const store = faulty('answer lost', ...Array.from({ length: 20 }, (): Fault => 'unreachable'))
    await docs(store).count()
    await assert.rejects(store.transaction(increase, { key: 'k', timeoutMs: 200 }), { code: 'UNKNOWN' })
  })

  it('that could not even begin is UNAVAILABLE', async () => {
    const store = faulty('unreachable')
    await docs(store).count()
    await assert.rejects(store.transaction(increase, { key: 'k' }), { code: 'UNAVAILABLE' })
  })
})
