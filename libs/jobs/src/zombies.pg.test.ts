import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { it } from 'node:test'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import { eventsOf, typesOf, until } from './conformance/stage.js'
import type { Job } from './job.js'
import type { Jobs } from './jobs.js'
import { openJobs } from './open-jobs.js'
import { zombieEffects, zombieKind, type ZombieNews } from './zombie.test.support.js'

interface Scene {
  readonly documents: DocumentStore
  readonly jobs: Jobs
  readonly child: ChildProcess
  readonly told: ZombieNews[]
  readonly job: Job
}

it('lets a process that was paused past its lease record nothing more when it wakes', async () => {
  await withWorker(async ({ documents, jobs, child, told, job }) => {
    child.kill('SIGSTOP')
    await using other = await openJobs(documents, {
      kinds: [zombieKind(() => undefined)],
      workers: 1,
      leaseMs: 500,
      pollMs: 50,
    })
    const done = await other.wait(job.id)
    assert.deepEqual([done.state, done.output, done.attempt], ['succeeded', { attempt: 2 }, 2])
    const before = await eventsOf(jobs, job.id)
    child.kill('SIGCONT')
    await until(() => told.some(({ finished }) => finished === 1))
    const gone = once(child, 'exit')
    child.send('stop')
    await gone
    assert.deepEqual(await jobs.get(job.id), done)
    assert.deepEqual(await eventsOf(jobs, job.id), before)
    assert.deepEqual(typesOf(before), ['queued', 'started', 'progress', 'started', 'progress', 'progress', 'succeeded'])
    assert.deepEqual(
      (await zombieEffects(documents).read(job.id)).map(({ data }) => data.attempt),
      [2],
    )
  })
})

it('takes over the job of a process that was killed, and fails it when each of its attempts killed one', async () => {
  await withWorker(async ({ documents, jobs, child, job }) => {
    child.kill('SIGKILL')
    await using other = await openJobs(documents, {
      kinds: [zombieKind(() => undefined)],
      workers: 1,
      leaseMs: 500,
      pollMs: 50,
    })
    const done = await other.wait(job.id)
    assert.deepEqual([done.state, done.attempt], ['succeeded', 2])
    assert.equal((await zombieEffects(documents).read(job.id)).length, 1)
    assert.deepEqual(typesOf(await eventsOf(jobs, job.id)).filter((type) => type === 'succeeded').length, 1)
  })
  await withWorker(
    async ({ documents, child, job }) => {
      child.kill('SIGKILL')
      await using other = await openJobs(documents, {
        kinds: [zombieKind(() => undefined)],
        workers: 1,
        leaseMs: 500,
        pollMs: 50,
      })
      const done = await other.wait(job.id)
      assert.deepEqual(
        [done.state, done.error?.code, done.error?.reason],
        ['failed', 'UNAVAILABLE', 'ATTEMPTS_EXHAUSTED'],
      )
    },
    { maxAttempts: 1 },
  )
})

it('cancels a job of which the process is dead, once its lease has run out', async () => {
  await withWorker(async ({ documents, jobs, child, job }) => {
    child.kill('SIGKILL')
    const asked = await jobs.cancel(job.id, { waitMs: 0 })
    assert.deepEqual([asked.state, asked.cancelRequested], ['running', true])
    await using _ = await openJobs(documents, {
      kinds: [zombieKind(() => undefined)],
      workers: 1,
      leaseMs: 500,
      pollMs: 50,
    })
    const done = await jobs.wait(job.id)
    assert.deepEqual([done.state, done.stopped, done.cancelRequested], ['cancelled', undefined, false])
  })
})

it('reaches the work at another process within 200 ms, by news', async () => {
  await withWorker(async ({ jobs, told, job }) => {
    const before = performance.now()
    await jobs.cancel(job.id, { waitMs: 0 })
    await until(() => told.some(({ aborted }) => aborted === 'JOB_CANCELLED'))
    const tookMs = performance.now() - before
    // The bound is for an idle machine; polling would take up to 500.
    assert(tookMs < 450, `took ${tookMs} ms`)
    assert.equal((await jobs.wait(job.id)).state, 'cancelled')
  })
})

/** A worker process that has begun with the job, and a process here that only asks. */
async function withWorker(
  play: (scene: Scene) => Promise<void>,
  options: { maxAttempts?: number } = {},
): Promise<void> {
  await using database = await postgresForTests()
  await using documents = await openDocumentStore(database.url)
  const kind = zombieKind(() => undefined)
  await using jobs = await openJobs(documents, { kinds: [kind], workers: 0 })
  const child = fork(join(import.meta.dirname, 'zombie.test.child.js'), [database.url])
  const told: ZombieNews[] = []
  child.on('message', (news: ZombieNews) => told.push(news))
  try {
    await until(() => told.some(({ ready }) => ready === true), 20_000)
    const job = await jobs.submit(kind, null, options)
    await until(() => told.some(({ began }) => began === 1))
    // Until the event that it began with is stored.
    await until(async () => (await jobs.get(job.id)).progress !== undefined)
    await play({ documents, jobs, child, told, job })
  } finally {
    child.kill('SIGKILL')
  }
}
