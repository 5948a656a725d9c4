import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Collection, Scope } from '../document-store.js'
import { faultOf, type Suite, untyped, upTo } from './suite.js'

interface Account {
  readonly balance: number
}

export function testTransactions(suite: Suite): void {
  const accounts = (scope: Scope): Collection<Account> => scope.collection<Account>('conformance-docs')
  const events = (scope: Scope) => scope.log<string>('conformance-log')

  describe('a transaction', () => {
    it('commits documents, logs and blobs together, and returns what its work returned', async () => {
      const tenant = suite.tenant()
      const hash = await tenant.transaction(async (tx) => {
        await accounts(tx).put('a', { balance: 1 })
        await events(tx).append('s', [{ key: 'k', data: 'made' }])
        return (await tx.blobs.put(Buffer.from('bytes'))).hash
      })
      assert.deepEqual((await accounts(tenant).get('a'))?.data, { balance: 1 })
      assert.deepEqual(
        (await events(tenant).read('s')).map(({ data }) => data),
        ['made'],
      )
      assert.equal(Buffer.from(await tenant.blobs.bytes(hash)).toString(), 'bytes')
    })

    it('whose work throws leaves nothing behind, and throws the same', async () => {
      const tenant = suite.tenant()
      await accounts(tenant).put('a', { balance: 1 })
      await events(tenant).append('s', [{ data: 'before' }])
      const { hash: kept } = await tenant.blobs.put(Buffer.from('kept'))
      const failure = new Error('changed my mind')
      let hash = ''
      const failed = tenant.transaction(async (tx) => {
        await accounts(tx).put('a', { balance: 2 })
        await accounts(tx).insertMany([{ id: 'b', data: { balance: 3 } }])
        await events(tx).append('s', [{ data: 'within' }])
        await events(tx).append('new', [{ data: 'within' }])
        await events(tx).fork('s', 1, 'branch')
        hash = (await tx.blobs.put(Buffer.from('within'))).hash
        await tx.blobs.remove(kept)
        throw failure
      })
      await assert.rejects(failed, (error) => error === failure)
      assert.deepEqual(
        (await accounts(tenant).find().toArray()).map(({ id, version }) => [id, version]),
        [['a', 1]],
      )
      assert.deepEqual(
        (await events(tenant).read('s')).map(({ data }) => data),
        ['before'],
      )
      const heads = await events(tenant).heads(['s', 'new', 'branch'])
      assert.deepEqual(
        heads.map(({ exists }) => exists),
        [true, false, false],
      )
      assert.equal(await tenant.blobs.stat(hash), undefined)
      assert.ok((await tenant.blobs.stat(kept)) !== undefined)
      assert.deepEqual(
        (await events(tenant).append('s', [{ data: 'after' }])).map(({ seq }) => seq),
        [2],
      )
    })

    it('reads its own writes', async () => {
      const tenant = suite.tenant()
      await tenant.transaction(async (tx) => {
        const docs = accounts(tx)
        await docs.put('a', { balance: 1 })
        await docs.updateOne('a', { $inc: { balance: 1 } })
        assert.deepEqual((await docs.get('a'))?.data, { balance: 2 })
        assert.equal(await docs.count({ balance: 2 }), 1)
        assert.equal(await docs.deleteOne('a'), true)
        assert.equal(await docs.get('a'), undefined)
        await assert.rejects(docs.put('a', { balance: 1 }, { ifVersion: 3 }), {
          code: 'ABORTED',
          reason: 'STALE_VERSION',
        })
        const log = events(tx)
        const [first] = await log.append('s', [{ key: 'k', data: 'x' }])
        assert.deepEqual(await log.append('s', [{ key: 'k', data: 'x' }]), [first])
        assert.deepEqual(
          (await log.append('s', [{ data: 'y' }], { ifNext: 2, ifExists: true })).map(({ seq }) => seq),
          [2],
        )
        assert.deepEqual(
          (await log.read('s', { reverse: true })).map(({ data }) => data),
          ['y', 'x'],
        )
      })
      assert.equal((await events(tenant).head('s')).next, 3)
    })

    it('is seen whole or not at all', async () => {
      const tenant = suite.tenant()
      const docs = accounts(tenant)
      const balances: number[] = []
      const over = new AbortController()
      const reader = (async () => {
        while (!over.signal.aborted)
          balances.push((await docs.find().toArray()).reduce((sum, { data }) => sum + data.balance, 0))
      })()
      for (const n of upTo(10)) {
        await tenant.transaction(async (tx) => {
          await accounts(tx).put(`a${n}`, { balance: 1 })
          await accounts(tx).put(`b${n}`, { balance: -1 })
        })
      }
      over.abort()
      await reader
      assert.deepEqual(new Set(balances), new Set([0]))
    })

    it('loses no update when many run at once', async () => {
      const tenant = suite.tenant()
      await accounts(tenant).put('a', { balance: 0 })
      const increase = async (tx: Scope) => {
        const balance = (await accounts(tx).get('a'))?.data.balance ?? 0
        await accounts(tx).put('a', { balance: balance + 1 })
        await events(tx).append('s', [{ data: `to ${balance + 1}` }])
      }
      await Promise.all(upTo(8).map(() => tenant.transaction(increase, { maxAttempts: 50 })))
      assert.deepEqual((await accounts(tenant).get('a'))?.data, { balance: 8 })
      const log = await events(tenant).read('s')
      assert.deepEqual(
        log.map(({ data }) => data),
        upTo(8).map((n) => `to ${n + 1}`),
      )
    })

    it('is isolated as if alone: two cannot both act on what the other changes', async () => {
      const tenant = suite.tenant()
      await accounts(tenant).insertMany(['a', 'b'].map((id) => ({ id, data: { balance: 50 } })))
      const withdraw = (id: string) =>
        tenant.transaction(
          async (tx) => {
            const all = await accounts(tx).getMany(['a', 'b'])
            const sum = all.reduce((total, one) => total + (one?.data.balance ?? 0), 0)
            if (sum >= 80) await accounts(tx).updateOne(id, { $inc: { balance: -80 } })
          },
          { maxAttempts: 50 },
        )
      await Promise.all([withdraw('a'), withdraw('b')])
      const left = await accounts(tenant).find().toArray()
      assert.equal(
        left.reduce((sum, { data }) => sum + data.balance, 0),
        20,
      )
    })

    it('may use collections and logs that nobody has used before', async () => {
      const tenant = suite.tenant()
      const name = `conformance-x${Math.floor(Math.random() * 1e12)}`
      await tenant.transaction(async (tx) => {
        await tx.collection<number>(name).put('a', 1)
        await tx.log<number>(name).append('s', [{ data: 1 }])
      })
      assert.equal((await tenant.collection<number>(name).get('a'))?.data, 1)
      assert.equal((await tenant.log<number>(name).head('s')).next, 2)
    })

    it('may do several things at once', async () => {
      const tenant = suite.tenant()
      await tenant.transaction(async (tx) => {
        await Promise.all([
          ...upTo(10).map((n) => accounts(tx).put(`d${n}`, { balance: n })),
          ...upTo(10).map((n) => events(tx).append(`s${n % 3}`, [{ data: `${n}` }])),
        ])
        assert.equal(await accounts(tx).count(), 10)
      })
      assert.equal(await accounts(tenant).count(), 10)
      const heads = await events(tenant).heads(['s0', 's1', 's2'])
      assert.deepEqual(
        heads.map(({ next }) => next),
        [5, 4, 4],
      )
    })

    it('goes on after an answer that is an error but no failure', async () => {
      const tenant = suite.tenant()
      await accounts(tenant).put('a', { balance: 1 })
      await events(tenant).append('s', [{ key: 'k', data: 'x' }])
      await tenant.transaction(async (tx) => {
        await assert.rejects(accounts(tx).insertOne({ balance: 2 }, { id: 'a' }), { code: 'ALREADY_EXISTS' })
        await assert.rejects(accounts(tx).put('a', { balance: 2 }, { ifVersion: 7 }), { code: 'ABORTED' })
        await assert.rejects(accounts(tx).updateOne('a', { $push: { balance: 1 } }), { code: 'FAILED_PRECONDITION' })
        await assert.rejects(events(tx).append('s', [{ data: 'y' }], { ifNext: 9 }), { code: 'ABORTED' })
        await assert.rejects(events(tx).append('none', [{ data: 'y' }], { ifExists: true }), { code: 'NOT_FOUND' })
        await accounts(tx).put('b', { balance: 3 })
      })
      assert.equal(await accounts(tenant).count(), 2)
    })

    it('never claims to have committed after a failure that its work swallowed', async () => {
      const tenant = suite.tenant()
      const users = (scope: Scope) =>
        scope.collection<{ email: string }>('conformance-mails', { indexes: [{ on: 'email', unique: true }] })
      await users(tenant).put('a', { email: 'a@b' })
      const swallowed = tenant.transaction(async (tx) => {
        await users(tx).put('b', { email: 'b@b' })
        await users(tx)
          .put('c', { email: 'a@b' })
          .catch(() => undefined)
        return 'done'
      })
      const outcome = await swallowed.then(
        () => 'committed',
        () => 'refused',
      )
      const seen = await users(tenant).getMany(['b', 'c'])
      assert.deepEqual(
        seen.map((one) => one?.id),
        outcome === 'committed' ? ['b', undefined] : [undefined, undefined],
      )
    })

    it('fails as a whole when a unique index is broken', async () => {
      const tenant = suite.tenant()
      const users = (scope: Scope) =>
        scope.collection<{ email: string }>('conformance-mails', { indexes: [{ on: 'email', unique: true }] })
      const failed = tenant.transaction(async (tx) => {
        await users(tx).put('a', { email: 'a@b' })
        await users(tx).put('b', { email: 'a@b' })
      })
      await assert.rejects(failed, { code: 'ALREADY_EXISTS', reason: 'UNIQUE_VIOLATION' })
      assert.equal(await users(tenant).count(), 0)
    })

    it('cannot be used after its end', async () => {
      const tenant = suite.tenant()
      let leaked: Scope | undefined
      await tenant.transaction(async (tx) => {
        leaked = tx
        await accounts(tx).put('a', { balance: 1 })
      })
      assert.ok(leaked !== undefined)
      await assert.rejects(accounts(leaked).put('b', { balance: 1 }), { code: 'FAILED_PRECONDITION' })
      await assert.rejects(events(leaked).append('s', [{ data: 'x' }]), { code: 'FAILED_PRECONDITION' })
      assert.equal(await accounts(tenant).count(), 1)
    })

    it('refuses what is no work and no number of attempts', async () => {
      const tenant = suite.tenant()
      await assert.rejects(tenant.transaction(untyped('no')), faultOf('work'))
      for (const maxAttempts of [0, -1, 1.5, NaN, untyped('3')]) {
        await assert.rejects(
          tenant.transaction(async () => 1, { maxAttempts }),
          faultOf('maxAttempts'),
        )
      }
    })
  })
}
