import assert from 'node:assert/strict'
import { it } from 'node:test'
import { jobKind } from '../job-kind.js'
import { eventsOf, gate, type Stage, typesOf, unique, untilAborted } from './stage.js'

export function cancellationTests(stage: Stage): void {
  it('cancels what waits, at once', async () => {
    const kind = jobKind({ name: unique(), run: () => null })
    const jobs = await stage.open([kind], { workers: 0 })
    const { id } = await jobs.submit(kind, null)
    const job = await jobs.cancel(id)
    assert.deepEqual([job.state, job.stopped, job.attempt], ['cancelled', undefined, 0])
    assert.deepEqual(typesOf(await eventsOf(jobs, id)), ['queued', 'cancelled'])
    assert.deepEqual(await jobs.cancel(id), job)
  })

  it('reaches the work at another process, and says that it was stopped', async () => {
    const began = gate()
    const kind = jobKind({
      name: unique(),
      run: async (_: null, { signal }) => {
        began.open()
        return untilAborted(signal)
      },
    })
    const back = await stage.open([kind])
    const front = await stage.open([kind], { workers: 0 })
    const { id } = await back.submit(kind, null)
    await began.opened
    const job = await front.cancel(id)
    assert.deepEqual([job.state, job.stopped], ['cancelled', true])
    assert.deepEqual(typesOf(await eventsOf(front, id)), ['queued', 'started', 'cancelled'])
  })

  it('says so when the work cannot be stopped, and keeps nothing of what it makes', async () => {
    const end = gate()
    let ended = false
    const kind = jobKind({
      name: unique(),
      run: async () => {
        await end.opened
        ended = true
        return 'late'
      },
    })
    const jobs = await stage.open([kind], { stopMs: 30 })
    const { id } = await jobs.submit(kind, null)
    const job = await jobs.cancel(id)
    assert.deepEqual([job.state, job.stopped, ended], ['cancelled', false, false])
    // It goes on in its place until it ends.
    assert.equal(jobs.health().running, 1)
    end.open()
    await jobs.close()
    assert.equal(ended, true)
    const after = await stage.open([kind], { workers: 0 })
    assert.deepEqual([(await after.get(id)).output, (await after.get(id)).state], [undefined, 'cancelled'])
  })

  it('says that a model which works on was not stopped, though the call ended', async () => {
    const kind = jobKind({
      name: unique(),
      model: () => ({ name: 'stubborn', version: '1', provider: 'local', canStop: false }),
      run: (_: null, { signal }) => untilAborted(signal),
    })
    const jobs = await stage.open([kind])
    const { id } = await jobs.submit(kind, null)
    const job = await jobs.cancel(id)
    assert.deepEqual([job.state, job.stopped], ['cancelled', false])
  })
}
