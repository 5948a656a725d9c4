import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { jobKind } from '../job-kind.js'
import { outputOf } from '../output-of.js'
import { eventsOf, gate, type Stage, typesOf, unique, until } from './stage.js'

export function jobTests(stage: Stage): void {
  it('runs a job at once where it is submitted, and tells its events', async () => {
    const kind = jobKind({ name: unique(), run: (input: { n: number }) => ({ twice: 2 * input.n }) })
    const jobs = await stage.open([kind])
    const job = await jobs.run(kind, { n: 4 }, { labels: ['b', 'a', 'b'] })
    assert.equal(job.state, 'succeeded')
    assert.deepEqual(outputOf(job), { twice: 8 })
    assert.deepEqual([job.attempt, job.labels, job.fromCache], [1, ['a', 'b'], false])
    assert.deepEqual(await jobs.get(job.id), job)
    const events = await eventsOf(jobs, job.id)
    assert.deepEqual(
      events.map(({ seq, type }) => [seq, type]),
      [
        [1, 'queued'],
        [2, 'started'],
        [3, 'succeeded'],
      ],
    )
    assert.deepEqual(typesOf(await eventsOf(jobs, job.id, 2)), ['succeeded'])
    assert.deepEqual(await eventsOf(jobs, job.id, 3), [])
  })

  it('runs what one process submits at another, which tells the first', async () => {
    const name = unique()
    const kind = jobKind({ name, run: (input: string) => input.toUpperCase() })
    const front = await stage.open([kind], { workers: 0 })
    const submitted = await front.submit(kind, 'hello')
    assert.equal(submitted.state, 'queued')
    const back = await stage.open([kind], { workers: 1 })
    const [seen, waited] = await Promise.all([eventsOf(front, submitted.id), front.wait(submitted.id)])
    assert.deepEqual(typesOf(seen), ['queued', 'started', 'succeeded'])
    assert.equal(outputOf(waited), 'HELLO')
    assert.deepEqual(await back.get(submitted.id), waited)
  })

  it('tells progress and parts as they come, to any process, from any cursor', async () => {
    const go = gate()
    const kind = jobKind({
      name: unique(),
      run: async (_: null, { report, put }) => {
        report({ fraction: 0.25, stage: 'first' })
        await go.opened
        put({ text: 'part' })
        report({ fraction: 1 })
        return 'done'
      },
    })
    const jobs = await stage.open([kind])
    const elsewhere = await stage.open([kind], { workers: 0 })
    const { id } = await jobs.submit(kind, null)
    const live: string[] = []
    for await (const event of elsewhere.watch(id)) {
      live.push(event.type)
      if (event.type !== 'progress') continue
      const { progress } = await elsewhere.get(id)
      if (progress?.stage === 'first') go.open()
    }
    assert.deepEqual(live, ['queued', 'started', 'progress', 'output', 'progress', 'succeeded'])
    const late = await eventsOf(elsewhere, id, 3)
    assert.deepEqual(
      late.map(({ seq, type }) => [seq, type]),
      [
        [4, 'output'],
        [5, 'progress'],
        [6, 'succeeded'],
      ],
    )
  })

  it('makes one job of submissions with the same key, and refuses another input', async () => {
    let runs = 0
    const kind = jobKind({ name: unique(), run: (input: { a: number; b: number }) => (runs += 1) + input.a })
    const jobs = await stage.open([kind])
    const elsewhere = await stage.open([kind], { workers: 0 })
    const options = { key: 'request-1' }
    const all = await Promise.all(
      [jobs, elsewhere, jobs, elsewhere].map((from) => from.run(kind, { a: 1, b: 2 }, options)),
    )
    assert.equal(new Set(all.map(({ id }) => id)).size, 1)
    assert.deepEqual(new Set(all.map(({ output }) => output)), new Set([2]))
    // The order of members is no difference.
    assert.equal((await jobs.run(kind, { b: 2, a: 1 }, options)).id, all[0]?.id)
    await assert.rejects(jobs.submit(kind, { a: 1, b: 3 }, options), { code: 'ALREADY_EXISTS', reason: 'KEY_REUSED' })
    assert.equal(runs, 1)
  })

  it('lists by kind, state and label, newest first, page by page', async () => {
    const kind = jobKind({
      name: unique(),
      run: (input: number) => {
        if (input % 2 === 1) throw new HoldfastError('INVALID_ARGUMENT', 'odd')
        return input
      },
    })
    const jobs = await stage.open([kind])
    const ids: string[] = []
    for (let n = 0; n < 5; n += 1) ids.push((await jobs.run(kind, n, { labels: [n < 3 ? 'low' : 'high'] })).id)
    const page = await jobs.list({ kind: kind.name, limit: 3 })
    const rest = await jobs.list({ kind: kind.name, limit: 3, cursor: page.next ?? '' })
    assert.deepEqual([...page.items, ...rest.items].map(({ id }) => id).toSorted(), ids.toSorted())
    const times = [...page.items, ...rest.items].map(({ createdAt }) => createdAt.getTime())
    assert.deepEqual(
      times,
      times.toSorted((a, b) => b - a),
    )
    assert.equal(rest.next, undefined)
    const failed = await jobs.list({ kind: kind.name, state: 'failed' })
    assert.deepEqual(new Set(failed.items.map(({ id }) => id)), new Set([ids[1], ids[3]]))
    const low = await jobs.list({ kind: [kind.name], state: ['succeeded', 'running'], label: 'low' })
    assert.deepEqual(new Set(low.items.map(({ id }) => id)), new Set([ids[0], ids[2]]))
    await assert.rejects(jobs.list({ limit: 0 }), { code: 'INVALID_ARGUMENT' })
  })

  it('keeps large input and output in blobs, and gives them back whole', async () => {
    const kind = jobKind({ name: unique(), run: (input: string) => `${input}${input}` })
    const jobs = await stage.open([kind])
    const input = 'ä\u0000'.repeat(60_000)
    const { id, output } = await jobs.run(kind, input)
    assert.equal(output, input + input)
    const job = await jobs.get(id)
    assert.equal(job.input, input)
    assert.equal(job.output, input + input)
    const [listed] = (await jobs.list({ kind: kind.name })).items
    assert.equal(listed?.output, undefined)
    assert.deepEqual((await stage.documents.blobs.linkedBy({ collection: 'jobs', id })).length, 2)
  })

  it('queues what is more than its places, and does all of it', async () => {
    let running = 0
    let most = 0
    const kind = jobKind({
      name: unique(),
      run: async (n: number) => {
        running += 1
        most = Math.max(most, running)
        await new Promise((resolve) => setTimeout(resolve, 5))
        running -= 1
        return n
      },
    })
    const jobs = await stage.open([kind], { workers: 3, pollMs: 60_000 })
    const done = await Promise.all(Array.from({ length: 20 }, (_, n) => jobs.run(kind, n)))
    assert.deepEqual(
      done.map(({ output }) => output),
      Array.from({ length: 20 }, (_, n) => n),
    )
    assert.equal(most, 3)
    assert.equal(jobs.health().running, 0)
  })

  it('says NOT_FOUND of jobs that there are not', async () => {
    const kind = jobKind({ name: unique(), run: () => null })
    const jobs = await stage.open([kind])
    const missing = { code: 'NOT_FOUND', reason: 'JOB_NOT_FOUND' }
    await assert.rejects(jobs.get('nothing'), missing)
    await assert.rejects(jobs.wait('nothing'), missing)
    await assert.rejects(jobs.cancel('nothing'), missing)
    await assert.rejects(jobs.retry('nothing'), missing)
    await assert.rejects(eventsOf(jobs, 'nothing'), missing)
  })

  it('gives the rest of its jobs back when it stops, and others take them at once', async () => {
    const began = gate()
    const kind = jobKind({
      name: unique(),
      run: async (_: null, { attempt, signal }) => {
        if (attempt > 1) return attempt
        began.open()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        throw signal.reason
      },
    })
    const first = await stage.open([kind], { leaseMs: 60_000 })
    const second = await stage.open([kind], { leaseMs: 60_000, pollMs: 60_000 })
    const { id } = await first.submit(kind, null)
    await began.opened
    const closing = performance.now()
    await first.close()
    const job = await second.wait(id)
    assert(performance.now() - closing < 5_000)
    assert.deepEqual([job.state, job.output], ['succeeded', 2])
    assert.deepEqual(typesOf(await eventsOf(second, id)), ['queued', 'started', 'retrying', 'started', 'succeeded'])
    await until(() => second.health().running === 0)
  })
}
