import { type Attributes, type Histogram, metrics } from '@opentelemetry/api'

const scope = '@holdfast/jobs'

/** What is told of the jobs of a process whenever somebody reads its metrics. Meters have no late registration: the program's provider must stand
 *  before the jobs are opened. */
export function observeJobs(health: () => { readonly workers: number; readonly running: number }): Disposable {
  durations()
  const meter = metrics.getMeter(scope)
  const workers = meter.createObservableGauge('holdfast.jobs.workers', {
    description: 'Attempts that this process may make at once',
    unit: '{attempt}',
  })
  const running = meter.createObservableGauge('holdfast.jobs.running', {
    description: 'Attempts that this process makes now',
    unit: '{attempt}',
  })
  const all = [workers, running]
  const read: Parameters<typeof meter.addBatchObservableCallback>[0] = (result) => {
    const now = health()
    result.observe(workers, now.workers)
    result.observe(running, now.running)
  }
  meter.addBatchObservableCallback(read, all)
  return { [Symbol.dispose]: () => meter.removeBatchObservableCallback(read, all) }
}

let histogramOfAttempts: Histogram | undefined

/** Made with the first use, since nothing may be made before the program's provider stands. */
function durations(): Histogram {
  histogramOfAttempts ??= metrics.getMeter(scope).createHistogram('holdfast.job.attempt.duration', {
    description: 'Duration of attempts at jobs, by the state that they left the job in',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800] },
  })
  return histogramOfAttempts
}

/** @param state that the job was left in, `lost` if it is another process's by now */
export function attemptTook(ms: number, kind: string, state: string): void {
  const histogram = durations()
  histogram.record(ms / 1000, attributesOf(kind, state))
}

const known = new Map<string, Attributes>()

function attributesOf(kind: string, state: string): Attributes {
  const name = `${kind} ${state}`
  let attributes = known.get(name)
  if (attributes === undefined) {
    attributes = { 'holdfast.job.kind': kind, 'holdfast.job.state': state }
    known.set(name, attributes)
  }
  return attributes
}
