import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DocumentStore, TenantStore } from '../document-store.js'
import { collect, freshTenantId, type Suite, upTo } from './suite.js'

export function testSeveralStores(suite: Suite): void {
  const { openAnother } = suite
  const skip = openAnother === undefined ? 'only one process can have this data open' : false

  /** The same tenant in both stores. */
  async function withTwo(work: (tenants: readonly [TenantStore, TenantStore]) => Promise<void>): Promise<void> {
    if (openAnother === undefined) return
    const other: DocumentStore = await openAnother()
    const id = freshTenantId()
    try {
      await work([suite.store.tenant(id), other.tenant(id)])
    } finally {
      await other.close()
    }
  }

  describe('two stores on the same data', { skip }, () => {
    it('see each other’s writes at once', () =>
      withTwo(async ([a, b]) => {
        await a.collection<number>('conformance-docs').put('x', 1)
        assert.equal((await b.collection<number>('conformance-docs').get('x'))?.data, 1)
        await b.log<number>('conformance-log').append('s', [{ data: 1 }])
        assert.equal((await a.log<number>('conformance-log').head('s')).next, 2)
      }))

    it('lose no update, no version and no number', () =>
      withTwo(async (tenants) => {
        await Promise.all(
          upTo(100).map(async (n) => {
            const tenant = tenants[n % 2 === 0 ? 0 : 1]
            const docs = tenant.collection<{ n: number }>('conformance-docs')
            const log = tenant.log<number>('conformance-log')
            await Promise.all([
              docs.updateOne('x', { $inc: { n: 1 } }, { upsert: true }),
              log.append('s', [{ key: `k${n >> 1}`, data: n >> 1 }]),
            ])
          }),
        )
        const document = await tenants[0].collection<{ n: number }>('conformance-docs').get('x')
        assert.deepEqual([document?.version, document?.data.n], [100, 100])
        const entries = await tenants[1].log<number>('conformance-log').read('s')
        assert.deepEqual(
          entries.map(({ seq }) => seq),
          upTo(50).map((n) => n + 1),
        )
        assert.deepEqual(
          entries.map(({ data }) => data).sort((x, y) => x - y),
          upTo(50),
        )
      }))

    it('let one of many win an expected number, a version and an id', () =>
      withTwo(async (tenants) => {
        const wins = async (attempt: (tenant: TenantStore, n: number) => Promise<unknown>) => {
          const tries = await Promise.allSettled(upTo(20).map((n) => attempt(tenants[n % 2 === 0 ? 0 : 1], n)))
          return tries.filter(({ status }) => status === 'fulfilled').length
        }
        const docs = (tenant: TenantStore) => tenant.collection<number>('conformance-docs')
        assert.equal(await wins((tenant, n) => docs(tenant).insertOne(n, { id: 'x' })), 1)
        assert.equal(await wins((tenant, n) => docs(tenant).put('x', n, { ifVersion: 1 })), 1)
        const log = (tenant: TenantStore) => tenant.log<number>('conformance-log')
        assert.equal(await wins((tenant, n) => log(tenant).append('s', [{ data: n }], { ifNext: 1 })), 1)
        assert.equal(
          await wins((tenant, n) =>
            log(tenant)
              .fork('s', 1, `only`)
              .then(() => n),
          ),
          1,
        )
      }))

    it('follow each other’s streams', () =>
      withTwo(async ([a, b]) => {
        const abort = new AbortController()
        const seen: number[] = []
        const tail = (async () => {
          for await (const { data } of b.log<number>('conformance-log').tail('s', { signal: abort.signal })) {
            if (seen.push(data) === 50) abort.abort()
          }
        })()
        for (const n of upTo(50)) await a.log<number>('conformance-log').append('s', [{ data: n }])
        await tail
        assert.deepEqual(seen, upTo(50))
        const ended = assert.rejects(collect(b.log<number>('conformance-log').tail('s', { after: 50 })), {
          code: 'FAILED_PRECONDITION',
        })
        await a.log<number>('conformance-log').remove('s')
        await ended
      }))

    it('run transactions as if alone', () =>
      withTwo(async (tenants) => {
        await Promise.all(
          upTo(12).map((n) =>
            tenants[n % 2 === 0 ? 0 : 1].transaction(
              async (tx) => {
                const docs = tx.collection<{ n: number }>('conformance-docs')
                const before = (await docs.get('x'))?.data.n ?? 0
                await docs.put('x', { n: before + 1 })
                await tx.log<number>('conformance-log').append('s', [{ data: before + 1 }], { ifNext: before + 1 })
              },
              { maxAttempts: 100 },
            ),
          ),
        )
        assert.deepEqual((await tenants[0].collection('conformance-docs').get('x'))?.data, { n: 12 })
      }))

    it('can make the same collections at the same moment', () =>
      withTwo(async (tenants) => {
        const name = `conformance-x${Math.floor(Math.random() * 1e12)}`
        const options = { indexes: [{ on: 'a', unique: true }, { on: ['b', 'c'] }] }
        await Promise.all(
          tenants.flatMap((tenant, index) => [
            tenant.collection(name, options).put(`d${index}`, { a: index }),
            tenant.log(name).append('s', [{ data: index }]),
          ]),
        )
        assert.equal(await tenants[0].collection(name).count(), 2)
        assert.equal((await tenants[1].log(name).head('s')).next, 3)
      }))
  })
}
