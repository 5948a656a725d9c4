import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { ClaimedDocument, Collection, DocumentStore, Scope } from '../document-store.js'
import { faultOf, type Suite, untyped, upTo } from './suite.js'

interface Job {
  readonly state: string
  readonly at?: number
  readonly attempts?: number
  readonly tags?: readonly string[]
  readonly note?: { readonly by?: string }
}

const lost = { code: 'ABORTED', reason: 'LEASE_LOST' }
const stale = { code: 'ABORTED', reason: 'STALE_VERSION' }

export function testClaims(suite: Suite): void {
  const jobsOf = (scope: Scope): Collection<Job> =>
    scope.collection<Job>('conformance-jobs', { indexes: [{ on: ['state', 'at'] }] })
  const queued = (scope: Scope, count: number): Promise<unknown> =>
    jobsOf(scope).insertMany(upTo(count).map((n) => ({ id: `j${n}`, data: { state: 'queued', at: n } })))
  const claimed = async (jobs: Collection<Job>, leaseMs?: number): Promise<ClaimedDocument<Job>> => {
    const job = await jobs.claim({ state: 'queued' }, leaseMs === undefined ? {} : { leaseMs })
    assert.ok(job !== undefined)
    return job
  }

  describe('a claim', () => {
    it('hands out each of 30 jobs once to eight workers', async () => {
      const tenant = suite.tenant()
      await queued(tenant, 30)
      const handedOut: string[] = []
      const work = async (jobs: Collection<Job>) => {
        for (;;) {
          const job = await jobs.claim({ state: 'queued' }, { set: { state: 'running' }, sort: { at: 1 } })
          if (job === undefined) return
          handedOut.push(job.id)
          assert.equal(job.data.state, 'running')
        }
      }
      await Promise.all(upTo(8).map(() => work(jobsOf(tenant))))
      assert.deepEqual(
        handedOut.toSorted(),
        upTo(30)
          .map((n) => `j${n}`)
          .toSorted(),
      )
    })

    it('hands out each document once to workers of several stores, changing nothing but the lease', async (t) => {
      const { openAnother } = suite
      if (openAnother === undefined) {
        t.skip('this backend has one store for its data')
        return
      }
      const tenant = suite.tenant()
      await queued(tenant, 60)
      const others: DocumentStore[] = await Promise.all(upTo(2).map(() => openAnother()))
      const handedOut: string[] = []
      try {
        const work = async (store: DocumentStore) => {
          const jobs = jobsOf(store.tenant(tenant.tenantId))
          for (let job = await jobs.claim({}); job !== undefined; job = await jobs.claim({})) handedOut.push(job.id)
        }
        await Promise.all([suite.store, ...others].flatMap((store) => upTo(4).map(() => work(store))))
      } finally {
        await Promise.all(others.map((store) => store.close()))
      }
      assert.equal(handedOut.length, 60)
      assert.equal(new Set(handedOut).size, 60)
    })

    it('takes the first by the sort, and by id without one', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.insertMany(['c', 'a', 'b'].map((id, at) => ({ id, data: { state: 'queued', at } })))
      assert.equal((await jobs.claim({ state: 'queued' }, { sort: { at: -1 } }))?.id, 'b')
      assert.equal((await jobs.claim({ state: 'queued' }, { sort: { at: 1 } }))?.id, 'c')
      assert.equal((await jobs.claim({ state: 'queued' }))?.id, 'a')
      assert.equal(await jobs.claim({ state: 'queued' }), undefined)
    })

    it('finds what find finds: members of arrays too', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', { state: 'queued', tags: ['mail', 'slow'] })
      await jobs.put('b', { state: 'queued', tags: ['slow'] })
      assert.equal((await jobs.claim({ tags: 'mail' }))?.id, 'a')
      assert.equal(await jobs.claim({ tags: 'mail' }), undefined)
    })

    it('makes the version grow by one and writes what it sets, fields or operators', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.insertMany(upTo(3).map((n) => ({ id: `j${n}`, data: { state: 'queued', at: n } })))
      const bare = await jobs.claim({ at: 0 })
      assert.deepEqual([bare?.version, bare?.data], [2, { state: 'queued', at: 0 }])
      const fields = await jobs.claim({ at: 1 }, { set: { state: 'running', 'note.by': 'w1' } })
      assert.deepEqual([fields?.version, fields?.data], [2, { state: 'running', at: 1, note: { by: 'w1' } }])
      const operators = await jobs.claim({ at: 2 }, { set: { $set: { state: 'running' }, $inc: { attempts: 1 } } })
      assert.deepEqual([operators?.version, operators?.data], [2, { state: 'running', at: 2, attempts: 1 }])
      for (const one of [bare, fields, operators]) {
        const stored = await jobs.get(one?.id ?? '')
        assert.deepEqual([stored?.version, stored?.data], [one?.version, one?.data])
        assert.equal(stored?.updatedAt.getTime(), one?.updatedAt.getTime())
      }
    })

    it('answers every caller of a crowd, each by its own filter', async () => {
      const tenant = suite.tenant()
      const jobs = jobsOf(tenant)
      await jobs.insertMany(upTo(20).map((n) => ({ id: `j${n}`, data: { state: n % 2 === 0 ? 'even' : 'odd' } })))
      const answers = await Promise.all(
        upTo(24).map(async (n) => {
          const state = n % 2 === 0 ? 'even' : 'odd'
          const job = await jobs.claim({ state })
          assert.ok(job === undefined || job.data.state === state)
          return job?.id
        }),
      )
      assert.equal(answers.filter((id) => id === undefined).length, 4)
      assert.equal(new Set(answers.filter((id) => id !== undefined)).size, 20)
    })

    it('whose update does not fit the document gives it back and fails for that caller alone', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', untyped({ state: 'queued', attempts: 'many' }))
      await jobs.put('b', { state: 'queued', attempts: 1 })
      const claims = await Promise.allSettled(
        upTo(2).map(() => jobs.claim({ state: 'queued' }, { set: { $inc: { attempts: 1 } } })),
      )
      assert.deepEqual(
        claims.map((claim) => (claim.status === 'fulfilled' ? claim.value?.id : claim.reason.reason)),
        ['UPDATE_NOT_APPLICABLE', 'b'],
      )
      assert.equal((await jobs.claim({ state: 'queued' }))?.id, 'a')
      assert.deepEqual((await jobs.get('a'))?.data, { state: 'queued', attempts: 'many' })
    })

    it('is one change in a feed, with or without what it sets; renewing and giving back are none', async () => {
      const jobs = suite.tenant().collection<Job>('conformance-fed-jobs', { feed: true })
      await jobs.insertMany(['a', 'b'].map((id) => ({ id, data: { state: 'queued' } })))
      const after = await jobs.feedPosition()
      const bare = await jobs.claim({ _id: 'a' })
      await bare?.lease.renew()
      await bare?.lease.release()
      const setting = await jobs.claim({ _id: 'b' }, { set: { state: 'running' } })
      await setting?.lease.release({ set: { state: 'done' } })
      await (await jobs.claim({ _id: 'a' }))?.lease.delete()
      const seen: string[] = []
      for await (const { op, id, version } of jobs.watch({ after })) {
        seen.push(`${op} ${id} ${version}`)
        if (op === 'delete') break
      }
      assert.deepEqual(seen, ['write a 2', 'write b 2', 'write b 3', 'write a 3', 'delete a 3'])
    })

    it('checks what it sets against the schema, and gives back what it may not write', async () => {
      const schema = {
        '~standard': {
          version: 1 as const,
          vendor: 'conformance',
          validate: (value: unknown) =>
            (value as Job).state === 'wrong'
              ? { issues: [{ message: 'is wrong', path: ['state'] }] }
              : { value: { attempts: 0, ...(value as Job) } },
        },
      }
      const jobs = suite.tenant().collection<Job>('conformance-checked-jobs', { schema: untyped(schema) })
      await jobs.put('a', { state: 'queued' })
      const wrong = { code: 'INVALID_ARGUMENT' }
      await assert.rejects(jobs.claim({ state: 'queued' }, { set: { state: 'wrong' } }), wrong)
      const job = await jobs.claim({ state: 'queued' }, { set: { state: 'running' } })
      assert.deepEqual([job?.version, job?.data], [2, { attempts: 0, state: 'running' }])
      await assert.rejects(async () => job?.lease.release({ set: { state: 'wrong' } }), wrong)
      assert.deepEqual((await job?.lease.release({ set: { state: 'done' } }))?.data, { attempts: 0, state: 'done' })
    })

    it('takes encrypted documents by their searchable fields', async () => {
      const tenant = suite.tenant()
      const jobs = tenant.collection<Job>('conformance-hidden-jobs', { encrypt: { search: ['state'] } })
      await jobs.put('a', { state: 'done' })
      await jobs.put('b', { state: 'queued' })
      const job = await jobs.claim({ state: 'queued' }, { set: { $inc: { attempts: 1 } } })
      assert.deepEqual([job?.id, job?.version, job?.data], ['b', 2, { state: 'queued', attempts: 1 }])
      assert.deepEqual((await job?.lease.release({ set: { state: 'done' } }))?.data, { state: 'done', attempts: 1 })
      assert.equal(await jobs.claim({ state: 'queued' }), undefined)
    })

    it('passes over what is deleted or has run out', async () => {
      const jobs = suite.tenant().collection<Job>('conformance-passing-jobs', { softDelete: true })
      await jobs.put('a', { state: 'queued' })
      await jobs.put('b', { state: 'queued' }, { ttlMs: 5 })
      await jobs.put('c', { state: 'queued' })
      await jobs.deleteOne('a')
      await delay(20)
      assert.equal((await jobs.claim({ state: 'queued' }))?.id, 'c')
      assert.equal(await jobs.claim({ state: 'queued' }), undefined)
    })

    it('sees only what its tenant has', async () => {
      const mine = suite.tenant()
      await queued(suite.tenant(), 1)
      assert.equal(await jobsOf(mine).claim({ state: 'queued' }), undefined)
    })

    it('refuses what it does not understand, naming it', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', { state: 'queued' })
      await assert.rejects(jobs.claim({ state: { $near: 1 } }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(jobs.claim({}, untyped({ lease: 5 })), faultOf('lease'))
      for (const leaseMs of [0, -1, 1.5, NaN, 1e12, untyped('5')]) {
        await assert.rejects(jobs.claim({}, { leaseMs }), faultOf('leaseMs'))
      }
      await assert.rejects(jobs.claim({}, { set: untyped(3) }), faultOf('set'))
      await assert.rejects(jobs.claim({}, { set: { $near: { a: 1 } } }), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(jobs.claim({}, { set: { _id: 'b' } }), faultOf('set._id'))
      assert.equal((await jobs.get('a'))?.version, 1)
    })

    it('is refused inside a transaction', async () => {
      const tenant = suite.tenant()
      await assert.rejects(
        tenant.transaction((tx) => jobsOf(tx).claim({})),
        { code: 'FAILED_PRECONDITION', reason: 'CLAIM_IN_TRANSACTION' },
      )
    })
  })

  describe('a lease', () => {
    it('that ran out lets another claim, and is lost by then', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', { state: 'queued' })
      const first = await claimed(jobs, 50)
      await delay(80)
      const second = await claimed(jobs)
      assert.equal(second.id, first.id)
      assert.notEqual(second.lease.token, first.lease.token)
      assert.equal(second.version, first.version + 1)
      await assert.rejects(first.lease.renew(), lost)
      await assert.rejects(first.lease.release(), lost)
      await assert.rejects(first.lease.release({ set: { state: 'done' } }), lost)
      await assert.rejects(first.lease.delete(), lost)
      await assert.rejects(jobs.put('a', { state: 'done' }, { ifVersion: first.version }), stale)
      assert.deepEqual((await jobs.get('a'))?.data, { state: 'queued' })
      await second.lease.release({ set: { state: 'done' } })
      assert.deepEqual((await jobs.get('a'))?.data, { state: 'done' })
    })

    it('that ran out without another claim is still its holder’s', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', { state: 'queued' })
      const job = await claimed(jobs, 1)
      await delay(20)
      const end = await job.lease.renew(60_000)
      assert.equal(end.getTime(), job.lease.expiresAt.getTime())
      assert.equal(await jobs.claim({ state: 'queued' }), undefined)
    })

    it('stands as long as it is renewed, by the database’s clock', async () => {
      const tenant = suite.tenant()
      const jobs = jobsOf(tenant)
      await jobs.put('a', { state: 'queued' })
      const job = await claimed(jobs, 500)
      const before = job.lease.expiresAt.getTime()
      const now = (await suite.store.now()).getTime()
      assert.ok(before > now - 500 && before <= now + 500, `${before - now}`)
      await delay(20)
      assert.ok((await job.lease.renew()).getTime() > before)
      assert.ok((await job.lease.renew(60_000)).getTime() > now + 50_000)
      await delay(550)
      assert.equal(await jobs.claim({ state: 'queued' }), undefined)
      assert.equal((await jobs.get('a'))?.version, job.version)
    })

    it('that is released lets the next claim at once, and ends for its holder', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', { state: 'queued' })
      const job = await claimed(jobs)
      assert.equal(await job.lease.release(), undefined)
      await assert.rejects(job.lease.renew(), lost)
      await assert.rejects(job.lease.release(), lost)
      await assert.rejects(job.lease.delete(), lost)
      await assert.rejects(job.lease.release({ set: { state: 'done' } }), lost)
      assert.equal((await claimed(jobs)).version, 3)
    })

    it('released with a change answers the document as it is then', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', { state: 'queued' })
      const job = await claimed(jobs)
      const done = await job.lease.release({ set: { $set: { state: 'done' }, $inc: { attempts: 1 } } })
      assert.deepEqual([done?.version, done?.data], [3, { state: 'done', attempts: 1 }])
      assert.deepEqual((await jobs.get('a'))?.data, done?.data)
      assert.equal((await jobs.claim({ state: 'done' }))?.id, 'a')
    })

    it('is kept by writes of others, over which its holder’s change is made', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', { state: 'queued' })
      const job = await claimed(jobs)
      await jobs.updateOne('a', { $set: { attempts: 7 } })
      assert.equal(await jobs.claim({ state: 'queued' }), undefined)
      const done = await job.lease.release({ set: { state: 'done' } })
      assert.deepEqual(done?.data, { state: 'done', attempts: 7 })
    })

    it('is lost with its document, also when one of the same id takes its place', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', { state: 'queued' })
      const job = await claimed(jobs)
      await jobs.deleteOne('a')
      await assert.rejects(job.lease.renew(), lost)
      await jobs.put('a', { state: 'queued' })
      await assert.rejects(job.lease.release({ set: { state: 'done' } }), lost)
      await assert.rejects(job.lease.delete(), lost)
      assert.equal((await jobs.claim({ state: 'queued' }))?.id, 'a')
    })

    it('deletes its document, whoever wrote it meanwhile', async () => {
      const jobs = jobsOf(suite.tenant())
      await jobs.put('a', { state: 'queued' })
      const job = await claimed(jobs)
      await jobs.put('a', { state: 'queued', attempts: 1 })
      await job.lease.delete()
      assert.equal(await jobs.get('a'), undefined)
      await assert.rejects(job.lease.delete(), lost)
    })

    it('fences a transaction by the version that was claimed', async () => {
      const tenant = suite.tenant()
      const jobs = jobsOf(tenant)
      await jobs.put('a', { state: 'queued' })
      const slow = await claimed(jobs, 1)
      await delay(20)
      const quick = await claimed(jobs)
      const finish = (job: ClaimedDocument<Job>) =>
        tenant.transaction(async (tx) => {
          await tx.log<string>('conformance-log').append('results', [{ data: job.lease.token }])
          await jobsOf(tx).put(job.id, { state: 'done' }, { ifVersion: job.version })
        })
      await finish(quick)
      await assert.rejects(finish(slow), stale)
      const results = await tenant.log<string>('conformance-log').read('results')
      assert.deepEqual(
        results.map(({ data }) => data),
        [quick.lease.token],
      )
    })
  })
}
