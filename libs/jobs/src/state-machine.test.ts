import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { openDocumentStore } from '@holdfast/persistence'
import fc from 'fast-check'
import { eventsOf, gate } from './conformance/stage.js'
import type { Job, JobEvent, JobState } from './job.js'
import { jobKind } from './job-kind.js'
import { isFinal } from './record.js'
import { openJobs } from './open-jobs.js'

type Step = 'succeed' | 'fail' | 'stumble' | 'cancel' | 'retry' | 'submit again' | 'stop'

/** What a job may become from each state. */
const next: Readonly<Record<JobState, readonly JobState[]>> = {
  queued: ['running', 'cancelled', 'failed'],
  running: ['succeeded', 'failed', 'cancelled', 'queued'],
  succeeded: [],
  failed: ['queued'],
  cancelled: ['queued'],
}

it('goes only where it may, tells each step once, and ends as its last event says, whatever is asked of it when', async () => {
  const step = fc.constantFrom<Step>('succeed', 'fail', 'stumble', 'cancel', 'retry', 'submit again', 'stop')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const events = await play(steps)
      assertOrder(events)
    }),
    { numRuns: 20, seed: 20_261_127 },
  )
})

async function play(steps: readonly Step[]): Promise<JobEvent[]> {
  await using store = await openDocumentStore('memory:')
  let outcome: Step = 'succeed'
  let go = gate()
  const kind = jobKind({
    name: 'any',
    maxAttempts: 3,
    backoff: { baseMs: 1, maxMs: 1 },
    run: async (_: null, { signal, report }) => {
      report({ stage: 'waiting' })
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
      await Promise.race([go.opened, aborted])
      if (outcome === 'fail') throw new HoldfastError('INVALID_ARGUMENT', 'no')
      if (outcome === 'stumble') throw new HoldfastError('UNAVAILABLE', 'away')
      return 'yes'
    },
  })
  const open = () => openJobs(store, { kinds: [kind], workers: 1, leaseMs: 300, pollMs: 5, drainMs: 1, stopMs: 20 })
  let jobs = await open()
  try {
    const { id } = await jobs.submit(kind, null, { key: 'the one' })
    for (const step of steps) {
      switch (step) {
        case 'succeed':
        case 'fail':
        case 'stumble': {
          outcome = step
          go.open()
          const seen = await jobs.get(id)
          if (seen.state === 'queued' || seen.state === 'running') await jobs.wait(id)
          go = gate()
          break
        }
        case 'cancel': {
          const before = await jobs.get(id)
          const job = await jobs.cancel(id)
          // What has ended stays as it was.
          const isOver = next[before.state].length < 2
          assert.equal(job.state, isOver ? before.state : 'cancelled')
          break
        }
        case 'retry':
          await retry(await jobs.get(id), () => jobs.retry(id))
          break
        case 'submit again':
          assert.equal((await jobs.submit(kind, null, { key: 'the one' })).id, id)
          break
        case 'stop':
          await jobs.close()
          jobs = await open()
      }
    }
    outcome = 'succeed'
    go.open()
    const last = await jobs.wait(id)
    const events = await eventsOf(jobs, id)
    assert.equal(events.at(-1)?.type, last.state)
    assert.equal((await jobs.list()).items.length, 1)
    return events
  } finally {
    await jobs.close()
  }
}

async function retry(job: Job, again: () => Promise<Job>): Promise<void> {
  if (job.state === 'failed' || job.state === 'cancelled') assert.equal((await again()).error, undefined)
  else if (job.state === 'succeeded') await assert.rejects(again(), { reason: 'JOB_SUCCEEDED' })
  else {
    await again().then(
      // It ended in between.
      () => undefined,
      (error: unknown) => assert.equal((error as HoldfastError).code, 'FAILED_PRECONDITION'),
    )
  }
}

function assertOrder(events: readonly JobEvent[]): void {
  let state: JobState | undefined
  let attempt = 0
  for (const [index, event] of events.entries()) {
    assert.equal(event.seq, index + 1)
    const before = state
    switch (event.type) {
      case 'queued':
      case 'retrying':
        state = 'queued'
        break
      case 'started':
        assert(event.attempt > attempt)
        attempt = event.attempt
        state = 'running'
        break
      case 'progress':
      case 'output':
        assert.equal(state, 'running')
        break
      default:
        assert(isFinal(event))
        state = event.type
    }
    if (before === undefined) assert.equal(state, 'queued')
    else if (before !== state) assert(next[before].includes(state ?? 'queued'), `${before} became ${state}`)
  }
}
