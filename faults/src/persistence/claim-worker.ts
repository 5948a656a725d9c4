import { setTimeout as delay } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import { type ClaimedDocument, type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import type { WorkerMessage } from './handouts.js'
import { type Job, jobsOf, leaseMs, type WorkerSettings } from './jobs.js'

/** A process of the claim storm: workers that claim and complete jobs until the parent says stop. */
const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings
let stopping = false
process.once('message', () => {
  stopping = true
})
// The parent is gone.
process.once('disconnect', () => process.exit(1))

const store = await openDocumentStore(settings.url)
await Promise.all(Array.from({ length: settings.workers }, (_, worker) => work(store, worker)))
await store.close()
process.removeAllListeners('disconnect')
process.disconnect()

async function work(from: DocumentStore, worker: number): Promise<void> {
  const jobs = jobsOf(from)
  for (let turn = worker; !stopping; turn += 1) {
    const job = await jobs.claim({ state: 'open' }, { set: { $inc: { attempts: 1 } }, sort: { at: 1 }, leaseMs })
    if (job === undefined) {
      // Leased ones of killed workers come back when their leases run out.
      if ((await jobs.count({ state: 'open' })) === 0) tell({ kind: 'done' })
      await delay(50)
      continue
    }
    const { id, version, lease } = job
    tell({
      kind: 'claimed',
      handout: { id, token: lease.token, version, at: job.updatedAt.getTime(), until: lease.expiresAt.getTime() },
    })
    // Now and then one sleeps through its lease.
    if (turn % 100 === 99) await delay(leaseMs * 1.5)
    else if (turn % 10 === 0) await delay(turn % 30)
    try {
      const at = await (turn % 4 === 0 ? completeInTransaction(from, job) : complete(job))
      tell({ kind: 'finished', id, token: lease.token, at })
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'ABORTED') throw error
      tell({ kind: 'lost' })
    }
  }
}

async function complete({ lease }: ClaimedDocument<Job>): Promise<number> {
  const done = await lease.release({ set: { $set: { state: 'done' }, $inc: { completed: 1 } } })
  return done?.updatedAt.getTime() ?? 0
}

/** Fenced by the version instead of the lease. */
async function completeInTransaction(from: DocumentStore, { id, version }: ClaimedDocument<Job>): Promise<number> {
  const update = { $set: { state: 'done' }, $inc: { completed: 1 } }
  const done = await from.transaction((tx) => jobsOf(tx).updateOne(id, update, { ifVersion: version }), {
    maxAttempts: 50,
  })
  return done?.updatedAt.getTime() ?? 0
}

function tell(message: WorkerMessage): void {
  process.send?.(message)
}
