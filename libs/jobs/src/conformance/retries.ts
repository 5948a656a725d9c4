import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { jobKind } from '../job-kind.js'
import { outputOf } from '../output-of.js'
import { eventsOf, type Stage, typesOf, unique, untilAborted } from './stage.js'

export function retryTests(stage: Stage): void {
  it('tries again what is worth it, with the attempts and the errors in its events', async () => {
    const kind = jobKind({
      name: unique(),
      backoff: { baseMs: 20 },
      run: (_: null, { attempt }) => {
        if (attempt === 1) throw new HoldfastError('UNAVAILABLE', 'away')
        if (attempt === 2) throw new HoldfastError('RESOURCE_EXHAUSTED', 'slowly', { retryAfterMs: 60 })
        return attempt
      },
    })
    const jobs = await stage.open([kind])
    const job = await jobs.run(kind, null)
    assert.deepEqual([job.state, job.output, job.attempt, job.error], ['succeeded', 3, 3, undefined])
    const events = await eventsOf(jobs, job.id)
    assert.deepEqual(typesOf(events), ['queued', 'started', 'retrying', 'started', 'retrying', 'started', 'succeeded'])
    const [first, second] = events.flatMap((event) => (event.type === 'retrying' ? [event] : []))
    assert(first !== undefined && second !== undefined)
    assert.deepEqual([first.error?.code, first.attempt, second.error?.code], ['UNAVAILABLE', 2, 'RESOURCE_EXHAUSTED'])
    assert(first.delayMs >= 10 && first.delayMs <= 20, `waits half of 20 ms to all of it, not ${first.delayMs}`)
    assert.equal(second.delayMs, 60)
    assert.deepEqual(
      events.map(({ seq }) => seq),
      [1, 2, 3, 4, 5, 6, 7],
    )
  })

  it('does not try again what would only fail again', async () => {
    for (const code of [
      'INVALID_ARGUMENT',
      'NOT_FOUND',
      'PERMISSION_DENIED',
      'RESOURCE_EXHAUSTED',
      'INTERNAL',
    ] as const) {
      const kind = jobKind({
        name: unique(),
        run: () => {
          throw new HoldfastError(code, 'no', {
            reason: 'BECAUSE',
            fields: [{ field: 'audio', description: 'is empty' }],
          })
        },
      })
      const jobs = await stage.open([kind])
      const job = await jobs.run(kind, null)
      assert.deepEqual([job.state, job.attempt, job.error?.code, job.error?.reason], ['failed', 1, code, 'BECAUSE'])
      assert.throws(() => outputOf(job), {
        code,
        reason: 'BECAUSE',
        fields: [{ field: 'audio', description: 'is empty' }],
      })
      assert.deepEqual(await jobs.get(job.id), job)
    }
  })

  it('makes INTERNAL of an error that is none of ours, and fails when the attempts are used up', async () => {
    const broken = jobKind({
      name: unique(),
      run: () => {
        throw new TypeError('x is not a function')
      },
    })
    const away = jobKind({
      name: unique(),
      backoff: { baseMs: 1 },
      run: () => {
        throw new HoldfastError('UNAVAILABLE', 'away')
      },
    })
    const jobs = await stage.open([broken, away])
    assert.equal((await jobs.run(broken, null)).error?.code, 'INTERNAL')
    const job = await jobs.run(away, null, { maxAttempts: 2 })
    assert.deepEqual([job.state, job.attempt, job.error?.code], ['failed', 2, 'UNAVAILABLE'])
  })

  it('fails a result that cannot be stored, and input that is no JSON', async () => {
    const kind = jobKind({ name: unique(), run: () => ({ n: Number.NaN }) })
    const strange = jobKind({ name: unique(), run: () => () => 1 })
    const jobs = await stage.open([kind, strange])
    assert.deepEqual((await jobs.run(kind, null)).error?.code, 'INVALID_ARGUMENT')
    assert.deepEqual((await jobs.run(strange, null)).error?.code, 'INVALID_ARGUMENT')
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    for (const input of [circle, { n: 1n }, () => 1, { n: Number.NaN }]) {
      await assert.rejects(jobs.submit(kind, input), { code: 'INVALID_ARGUMENT' })
    }
    for (const options of [
      { key: '' },
      { key: 'x'.repeat(201) },
      { labels: [''] },
      { deadlineMs: 0 },
      { deadlineMs: 1.5 },
      { maxAttempts: 21 },
      { inputs: Array.from({ length: 101 }, () => 'x') },
      { deadline: 5 },
    ]) {
      await assert.rejects(jobs.submit(kind, null, options), { code: 'INVALID_ARGUMENT' })
    }
    await assert.rejects(jobs.submit(kind, null, { inputs: ['f'.repeat(64)] }), {
      code: 'NOT_FOUND',
      reason: 'ARTIFACT_NOT_FOUND',
    })
    assert.deepEqual((await jobs.list({ kind: [kind.name, strange.name] })).items.length, 2)
  })

  it('retries a failed job with all its attempts, and a watch goes on behind its cursor', async () => {
    let isAway = true
    const kind = jobKind({
      name: unique(),
      run: () => {
        if (isAway) throw new HoldfastError('NOT_FOUND', 'not yet')
        return 'now'
      },
    })
    const jobs = await stage.open([kind])
    const { id } = await jobs.run(kind, null)
    const before = await eventsOf(jobs, id)
    isAway = false
    const again = await jobs.retry(id)
    assert.notEqual(again.state, 'failed')
    assert.equal((await jobs.wait(id)).output, 'now')
    const events = await eventsOf(jobs, id)
    assert.deepEqual(typesOf(events), ['queued', 'started', 'failed', 'queued', 'started', 'succeeded'])
    assert.deepEqual(
      events.slice(0, 3).map(({ seq, at, type }) => ({ seq, at, type })),
      before.map(({ seq, at, type }) => ({ seq, at, type })),
    )
    await assert.rejects(jobs.retry(id), { code: 'FAILED_PRECONDITION', reason: 'JOB_SUCCEEDED' })
  })

  it('retries a job that was cancelled while it waited, and its events go on behind those it had', async () => {
    const kind = jobKind({ name: unique(), run: () => 'done' })
    const front = await stage.open([kind], { workers: 0 })
    const [job, other] = [await front.submit(kind, null), await front.submit(kind, null)]
    for (const { id } of [job, other]) {
      await front.cancel(id)
      await front.retry(id)
    }
    await front.cancel(other.id)
    assert.deepEqual(typesOf(await eventsOf(front, other.id)), ['queued', 'cancelled', 'queued', 'cancelled'])
    await stage.open([kind])
    assert.equal((await front.wait(job.id)).output, 'done')
    const events = await eventsOf(front, job.id)
    assert.deepEqual(typesOf(events), ['queued', 'cancelled', 'queued', 'started', 'succeeded'])
    assert.deepEqual(
      (await eventsOf(front, job.id, 3)).map(({ seq }) => seq),
      [4, 5],
    )
  })

  it('fails with DEADLINE_EXCEEDED what runs too long, and stops it', async () => {
    let aborted = 0
    const work = (_: null, { signal }: { signal: AbortSignal }): Promise<never> => {
      signal.addEventListener('abort', () => (aborted += 1))
      return untilAborted(signal)
    }
    const limited = jobKind({ name: unique(), timeoutMs: 50, run: work })
    const free = jobKind({ name: unique(), run: work })
    const jobs = await stage.open([limited, free])
    const timed = await jobs.run(limited, null)
    assert.deepEqual(
      [timed.state, timed.error?.code, timed.error?.reason],
      ['failed', 'DEADLINE_EXCEEDED', 'JOB_TIMEOUT'],
    )
    const late = await jobs.run(free, null, { deadlineMs: 50 })
    assert.deepEqual(
      [late.state, late.error?.code, late.error?.reason],
      ['failed', 'DEADLINE_EXCEEDED', 'JOB_DEADLINE'],
    )
    assert.equal(aborted, 2)
  })

  it('fails what waits past its deadline, though no place is free', async () => {
    const kind = jobKind({ name: unique(), run: (_: null, { signal }) => untilAborted(signal) })
    const jobs = await stage.open([kind], { workers: 1 })
    const first = await jobs.submit(kind, null)
    const second = await jobs.run(kind, null, { deadlineMs: 100 })
    assert.deepEqual([second.state, second.error?.reason, second.attempt], ['failed', 'JOB_DEADLINE', 0])
    assert.deepEqual(typesOf(await eventsOf(jobs, second.id)), ['queued', 'failed'])
    await jobs.cancel(first.id)
  })

  it('does not wait for an attempt that would begin after the deadline', async () => {
    const kind = jobKind({
      name: unique(),
      backoff: { baseMs: 60_000 },
      run: () => {
        throw new HoldfastError('UNAVAILABLE', 'away')
      },
    })
    const jobs = await stage.open([kind])
    const job = await jobs.run(kind, null, { deadlineMs: 20_000 })
    assert.deepEqual([job.state, job.error?.code], ['failed', 'DEADLINE_EXCEEDED'])
  })
}
