import type { JobEvent, Jobs } from '@holdfast/jobs'
import type { DocumentStore } from '@holdfast/persistence'
import { effectsOf } from './kinds.js'

const atOnce = 50

/** Looks at every job when all is over: whether it did what it was to do, once, and whether its events say so. */
export async function judge(store: DocumentStore, jobs: Jobs, ids: readonly string[]): Promise<Record<string, number>> {
  const figures = { lost: 0, done_twice: 0, disordered: 0, attempts: 0 }
  for (let from = 0; from < ids.length; from += atOnce) {
    await Promise.all(ids.slice(from, from + atOnce).map((id) => judgeOne(store, jobs, id, figures)))
  }
  return figures
}

async function judgeOne(
  store: DocumentStore,
  jobs: Jobs,
  id: string,
  figures: { lost: number; done_twice: number; disordered: number; attempts: number },
): Promise<void> {
  const job = await jobs.get(id).catch(() => undefined)
  const effects = await effectsOf(store).read(id)
  if (job?.state !== 'succeeded' || effects.length === 0) figures.lost += 1
  if (effects.length > 1) figures.done_twice += 1
  if (job === undefined) return
  figures.attempts += job.attempt
  const events: JobEvent[] = []
  // It ends by itself when the job has ended; one that is stuck is not waited for.
  for await (const event of jobs.watch(id, { signal: AbortSignal.timeout(10_000) })) events.push(event)
  const finals = events.filter(({ type }) => type === 'succeeded' || type === 'failed' || type === 'cancelled')
  if (finals.length > 1) figures.done_twice += 1
  const starts = events.flatMap((event) => (event.type === 'started' ? [event.attempt] : []))
  const isInOrder =
    events.every(({ seq }, index) => seq === index + 1) &&
    events[0]?.type === 'queued' &&
    events.at(-1) === finals[0] &&
    starts.every((attempt, index) => index === 0 || attempt > (starts[index - 1] ?? 0))
  if (isInOrder) return
  figures.disordered += 1
  process.stderr.write(`disordered: ${JSON.stringify({ job, events })}\n`)
}
