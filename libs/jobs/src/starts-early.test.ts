import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { type Collection, type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { jobKind } from './job-kind.js'
import { openJobs } from './open-jobs.js'
import { type JobRecord, jobsCollection } from './record.js'

/** The store, with jobs that are inserted when the gate opens. */
function gated(store: DocumentStore, gate: () => Promise<void>): DocumentStore {
  const held = (jobs: Collection<JobRecord>): Collection<JobRecord> =>
    new Proxy(jobs, {
      get(target, name) {
        if (name === 'insertOne') {
          return async (...call: Parameters<typeof jobs.insertOne>) => {
            await gate()
            return target.insertOne(...call)
          }
        }
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
  return new Proxy(store, {
    get(target, name) {
      if (name === 'collection') {
        return (of: string, ...more: []) => {
          const collection = target.collection(of, ...more)
          return of === jobsCollection ? held(collection as unknown as Collection<JobRecord>) : collection
        }
      }
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

it('work begins while its job is being stored, and is answered, told and kept only when that is done', async () => {
  await using store = await openDocumentStore('memory:')
  let open = (_error?: Error): void => undefined
  const gate = () =>
    new Promise<void>((resolve, reject) => (open = (error) => (error === undefined ? resolve() : reject(error))))
  const begun: string[] = []
  const kind = jobKind({
    name: 'early',
    startsEarly: true,
    run: (input: string, { put }) => {
      begun.push(input)
      put({ half: input })
      return `${input}!`
    },
  })
  await using jobs = await openJobs(gated(store, gate), { kinds: [kind], leaseMs: 300 })
  const until = async (count: number) => {
    for (let tries = 0; begun.length < count && tries < 200; tries += 1) await delay(5)
    assert.equal(begun.length, count)
  }

  /** The places of work that was for nothing are free again. */
  const atRest = async () => {
    for (let tries = 0; jobs.health().running > 0 && tries < 200; tries += 1) await delay(5)
    assert.equal(jobs.health().running, 0)
  }

  const early = jobs.run(kind, 'a')
  await until(1)
  // Longer than the events of an attempt are gathered, and than its process takes to look whether the job is its own.
  await delay(400)
  assert.deepEqual((await jobs.list()).items, [])
  open()
  const job = await early
  assert.deepEqual([job.output, job.state, job.attempt], ['a!', 'succeeded', 1])
  const told: string[] = []
  for await (const { type } of jobs.watch(job.id)) told.push(type)
  assert.deepEqual(told, ['queued', 'started', 'output', 'succeeded'])

  const failed = jobs.run(kind, 'b')
  await until(2)
  open(new HoldfastError('UNAVAILABLE', 'The database is away'))
  await assert.rejects(failed, { code: 'UNAVAILABLE' })
  assert.equal((await jobs.list()).items.length, 1)
  await atRest()

  // A key that has a job already: the work is for nothing, and the caller has that job.
  const keyed = jobs.run(kind, 'c', { key: 'k' })
  await until(3)
  open()
  const first = await keyed
  const again = jobs.run(kind, 'c', { key: 'k' })
  await until(4)
  open()
  assert.equal((await again).id, first.id)
  await atRest()
  await assert.rejects(Promise.all([jobs.run(kind, 'other', { key: 'k' }), until(5).then(() => open())]), {
    code: 'ALREADY_EXISTS',
    reason: 'KEY_REUSED',
  })
  assert.equal((await jobs.list()).items.length, 2)

  // Who does not wait gets the job first.
  const submitted = jobs.submit(kind, 'd')
  await delay(50)
  assert.equal(begun.length, 5)
  open()
  await submitted
  await until(6)
})
