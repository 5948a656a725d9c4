import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Suite, untyped, upTo } from './suite.js'

export function testReadsTogether(suite: Suite): void {
  describe('reads together', () => {
    it('answers documents, heads and entries as they are read alone', async () => {
      const tenant = suite.tenant()
      const people = tenant.collection<{ name: string }>('conformance-docs')
      const log = tenant.log<string>('conformance-log')
      await people.put('ada', { name: 'Ada \0' })
      await log.append(
        'main',
        upTo(5).map((n) => ({ key: `k${n}`, data: `m${n} \0` })),
      )
      await log.fork('main', 3, 'branch')
      await log.append('branch', [{ data: 'b4' }])
      const [ada, nobody, head, none, last, range, nothing] = await tenant.readTogether((scope) => {
        const together = scope.log<string>('conformance-log')
        const docs = scope.collection<{ name: string }>('conformance-docs')
        return Promise.all([
          docs.get('ada'),
          docs.get('nobody'),
          together.head('main'),
          together.head('none'),
          together.read('branch', { reverse: true, limit: 3 }),
          together.read('main', { after: 1, before: 5 }),
          together.read('none'),
        ])
      })
      assert.deepEqual(ada, await people.get('ada'))
      assert.equal(nobody, undefined)
      assert.deepEqual(head, await log.head('main'))
      assert.deepEqual(none, await log.head('none'))
      assert.deepEqual(last, await log.read('branch', { reverse: true, limit: 3 }))
      assert.deepEqual(
        last.map(({ seq }) => seq),
        [4, 3, 2],
      )
      assert.deepEqual(range, await log.read('main', { after: 1, before: 5 }))
      assert.deepEqual(nothing, [])
    })

    it('is of one moment, whatever writers do', async () => {
      const tenant = suite.tenant()
      const docs = tenant.collection<{ n: number }>('conformance-docs')
      const log = tenant.log<number>('conformance-log')
      await docs.put('both', { n: 0 })
      await log.create('both')
      const seen: (readonly [number | undefined, number])[] = []
      const write = async (): Promise<void> => {
        for (const n of upTo(20)) {
          await tenant.transaction(async (tx) => {
            await tx.collection('conformance-docs').put('both', { n: n + 1 })
            await tx.log('conformance-log').append('both', [{ data: n }])
          })
        }
      }
      const read = async (): Promise<void> => {
        for (const _ of upTo(30)) {
          const [doc, head] = await tenant.readTogether((scope) =>
            Promise.all([
              scope.collection<{ n: number }>('conformance-docs').get('both'),
              scope.log('conformance-log').head('both'),
            ]),
          )
          seen.push([doc?.data.n, head.next - 1])
        }
      }
      await Promise.all([write(), read()])
      assert.deepEqual(
        seen.filter(([n, count]) => n !== count),
        [],
      )
    })

    it('opens what is encrypted, and sees no other tenant', async () => {
      const [tenant, other] = [suite.tenant(), suite.tenant()]
      const options = { encrypt: true } as const
      await tenant.collection<{ word: string }>('conformance-secrets', options).put('a', { word: 'hush' })
      await tenant.log<string>('conformance-secret-log', options).append('s', [{ data: 'hush' }])
      const readIn = (scope: typeof tenant) =>
        scope.readTogether((reads) =>
          Promise.all([
            reads.collection<{ word: string }>('conformance-secrets', options).get('a'),
            reads.log<string>('conformance-secret-log', options).read('s'),
          ]),
        )
      const [doc, entries] = await readIn(tenant)
      assert.equal(doc?.data.word, 'hush')
      assert.deepEqual(
        entries.map(({ data }) => data),
        ['hush'],
      )
      assert.deepEqual(await readIn(other), [undefined, []])
    })

    it('refuses what is no function', async () => {
      await assert.rejects(suite.store.readTogether(untyped('x')), { code: 'INVALID_ARGUMENT' })
    })
  })
}
