import { openDocumentStore } from '@holdfast/persistence'
import { openJobs } from '@holdfast/jobs'
import { randomFrom } from '../random.js'
import { inputOf, kindsFor, leaseMs, type WorkerMessage, type WorkerSettings } from './kinds.js'

/** A process that works on jobs until the parent says stop. */
const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings
// The parent is gone.
process.once('disconnect', () => process.exit(1))
const stopping = new Promise<void>((resolve) => {
  process.once('message', () => resolve())
})

const tell = (message: WorkerMessage): void => void process.send?.(message)
const store = await openDocumentStore(settings.url)
const { work, endless } = kindsFor(tell)
const jobs = await openJobs(store, {
  kinds: [work, endless],
  workers: settings.workers,
  leaseMs,
  pollMs: 500,
  drainMs: 500,
})
tell({ kind: 'ready' })
if (settings.submits !== undefined) await submitAll(settings.submits)
await stopping
await jobs.close()
await store.close()
process.removeAllListeners('disconnect')
process.disconnect()

/** With keys, so that what a process before this one submitted is not submitted twice. */
async function submitAll(count: number): Promise<void> {
  const random = randomFrom(settings.seed)
  const inputs = Array.from({ length: count }, (_, n) => inputOf(n, random))
  const ids: string[] = []
  for (let from = 0; from < count; from += 50) {
    const some = inputs.slice(from, from + 50)
    const submitted = await Promise.all(some.map((input) => jobs.submit(work, input, { key: `job-${input.n}` })))
    ids.push(...submitted.map(({ id }) => id))
  }
  await Promise.all(ids.map((id) => jobs.wait(id)))
  tell({ kind: 'done' })
}
