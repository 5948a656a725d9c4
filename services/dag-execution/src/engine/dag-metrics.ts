import { type Histogram, metrics } from '@opentelemetry/api'

const scope = '@holdfast/dag-execution'
const countForMs = 5_000

/** What is told of the runs of a process whenever somebody reads its metrics. Meters have no late registration: the program's provider must
 *  stand before the engine is opened. */
export function observeRuns(countActive: () => number, countQueued: () => Promise<number>): Disposable {
  durations()
  const meter = metrics.getMeter(scope)
  const active = meter.createObservableGauge('holdfast.dag.runs.active', {
    description: 'Runs of graphs that this process runs',
    unit: '{run}',
  })
  const queued = meter.createObservableGauge('holdfast.dag.runs.queued', {
    description: 'Runs of graphs that wait in the store, the same in all of its processes',
    unit: '{run}',
  })
  const all = [active, queued]
  let counted = 0
  let countedAt = Number.NEGATIVE_INFINITY
  const read: Parameters<typeof meter.addBatchObservableCallback>[0] = async (result) => {
    result.observe(active, countActive())
    if (performance.now() - countedAt > countForMs) {
      counted = await countQueued()
      countedAt = performance.now()
    }
    result.observe(queued, counted)
  }
  meter.addBatchObservableCallback(read, all)
  return { [Symbol.dispose]: () => meter.removeBatchObservableCallback(read, all) }
}

let histogramOfNodes: Histogram | undefined

/** Made with the first use, since nothing may be made before the program's provider stands. */
function durations(): Histogram {
  histogramOfNodes ??= metrics.getMeter(scope).createHistogram('holdfast.dag.node.duration', {
    description: 'Duration of the calls of nodes, by how they ended',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800] },
  })
  return histogramOfNodes
}

/** @param end `completed`, `failed`, `cancelled` */
export function nodeTook(ms: number, type: string, end: string): void {
  const histogram = durations()
  histogram.record(ms / 1000, { 'holdfast.node.type': type, 'holdfast.node.end': end })
}
