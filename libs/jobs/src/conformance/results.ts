import assert from 'node:assert/strict'
import { it } from 'node:test'
import { jobKind } from '../job-kind.js'
import { openLineage } from '../lineage/lineage.js'
import { eventsOf, gate, type Stage, typesOf, unique } from './stage.js'

export function resultTests(stage: Stage): void {
  it('answers from what an equal job made, unless it is told not to', async () => {
    let runs = 0
    const salt = unique()
    const kind = jobKind({
      name: unique(),
      model: () => ({ name: 'm', version: '1', provider: 'local' }),
      cache: ({ size, quality }: { size: number; quality?: string; trace?: number }) => ({ size, quality }),
      run: async (_: { size: number; quality?: string; trace?: number }, { addOutput }) => {
        runs += 1
        const { id } = await addOutput(Buffer.from(`${salt} ${runs}`), { role: 'image', contentType: 'image/png' })
        return { id, run: runs }
      },
    })
    const jobs = await stage.open([kind])
    const first = await jobs.run(kind, { size: 1 })
    const second = await jobs.run(kind, { size: 1, trace: 5 })
    assert.deepEqual([second.fromCache, second.output, second.outputs], [true, first.output, first.outputs])
    assert.deepEqual(typesOf(await eventsOf(jobs, second.id)), ['queued', 'succeeded'])
    const anew = await jobs.run(kind, { size: 1 }, { useCache: false })
    assert.deepEqual([anew.fromCache, anew.output?.run], [false, 2])
    // What was made anew is what others find.
    assert.deepEqual((await jobs.run(kind, { size: 1 })).output, anew.output)
    assert.equal((await jobs.run(kind, { size: 2 })).fromCache, false)
    assert.equal((await jobs.run(kind, { size: 1, quality: 'high' })).fromCache, false)
    const artifact = await openLineage(stage.documents).upload(Buffer.from(unique()))
    assert.equal((await jobs.run(kind, { size: 1 }, { inputs: [artifact.id] })).fromCache, false)
    assert.equal((await jobs.run(kind, { size: 1 }, { inputs: [artifact.id] })).fromCache, true)
    assert.equal(runs, 5)
  })

  it('keeps the results of other versions of a model apart', async () => {
    const name = unique()
    const of = (version: string) =>
      jobKind({
        name,
        model: () => ({ name: 'm', version, provider: 'local' }),
        cache: (input: number) => input,
        run: () => version,
      })
    const [one, two] = [of('1'), of('2')]
    const before = await stage.open([one])
    assert.equal((await before.run(one, 1)).output, '1')
    await before.close()
    const after = await stage.open([two])
    const job = await after.run(two, 1)
    assert.deepEqual([job.fromCache, job.output], [false, '2'])
  })

  it('lets equal jobs of a moment run once', async () => {
    let runs = 0
    const go = gate()
    const kind = jobKind({
      name: unique(),
      cache: (input: number) => input,
      run: async (input: number) => {
        runs += 1
        await go.opened
        return input
      },
    })
    const jobs = await stage.open([kind], { workers: 8 })
    const all = Array.from({ length: 6 }, () => jobs.run(kind, 7))
    await new Promise((resolve) => setTimeout(resolve, 50))
    go.open()
    const done = await Promise.all(all)
    assert.deepEqual([new Set(done.map(({ output }) => output)), runs], [new Set([7]), 1])
    assert.equal(done.filter(({ fromCache }) => fromCache).length, 5)
  })

  it('does not keep failures, and gives equal jobs that wait another try', async () => {
    let runs = 0
    const kind = jobKind({
      name: unique(),
      cache: (input: number) => input,
      run: async () => {
        runs += 1
        await new Promise((resolve) => setTimeout(resolve, 20))
        if (runs === 1) throw new Error('once')
        return runs
      },
    })
    const jobs = await stage.open([kind])
    const [first, second] = await Promise.all([jobs.run(kind, 1), jobs.run(kind, 1)])
    assert.deepEqual(new Set([first.state, second.state]), new Set(['failed', 'succeeded']))
    assert.equal((await jobs.run(kind, 1)).fromCache, true)
  })

  it('shares large outputs with the jobs that have them from the cache', async () => {
    const kind = jobKind({ name: unique(), cache: (input: number) => input, run: () => 'y'.repeat(200_000) })
    const jobs = await stage.open([kind])
    const first = await jobs.run(kind, 1)
    const second = await jobs.run(kind, 1)
    assert.deepEqual([second.fromCache, second.output?.length], [true, 200_000])
    assert.equal((await jobs.get(second.id)).output, first.output)
    assert.equal((await stage.documents.blobs.linkedBy({ collection: 'jobs', id: second.id })).length, 1)
  })

  it('counts what was used, and what it cost, once', async () => {
    const kind = jobKind({
      name: unique(),
      model: () => ({ name: 'priced', version: '1', provider: 'openai-compatible' }),
      run: (_: null, { usage }) => {
        usage({ inputTokens: 1_200, computeMs: 3 })
        usage({ inputTokens: 34, outputTokens: 100 })
      },
    })
    const prices = { priced: { currency: 'USD', per: { inputTokens: '0.00000015', outputTokens: '0.0000006' } } }
    const jobs = await stage.open([kind], { prices })
    const job = await jobs.run(kind, null)
    assert.deepEqual(job.usage, { inputTokens: 1_234, computeMs: 3, outputTokens: 100 })
    assert.deepEqual(job.cost, { amount: '0.0002451', currency: 'USD' })
  })

  it('writes what belongs to the end with it, and not without it', async () => {
    const notes = unique('notes').slice(0, 20)
    const kind = jobKind({
      name: unique(),
      run: (input: number) => {
        if (input < 0) throw new Error('negative')
        return input
      },
      record: async (tx, { job, output }) => {
        await tx.collection(notes).put(job.id, { output })
        if (output === 13) throw new Error('cannot be recorded')
      },
    })
    const jobs = await stage.open([kind])
    const good = await jobs.run(kind, 5)
    const bad = await jobs.run(kind, -1)
    const unrecorded = await jobs.run(kind, 13)
    assert.deepEqual([good.state, bad.state, unrecorded.state], ['succeeded', 'failed', 'failed'])
    const found = await stage.documents.collection(notes).getMany([good.id, bad.id, unrecorded.id])
    assert.deepEqual(
      found.map((document) => document?.data),
      [{ output: 5 }, undefined, undefined],
    )
  })
}
