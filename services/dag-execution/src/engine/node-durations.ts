import { type Histogram, metrics } from '@opentelemetry/api'

let histogram: Histogram | undefined

/** Made when an engine begins, since nothing may be made before the program's provider stands: meters have no late registration. */
export function durationsOfNodes(): Histogram {
  histogram ??= metrics.getMeter('@holdfast/dag-execution').createHistogram('holdfast.dag.node.duration', {
    description: 'Duration of the calls of nodes, by how they ended',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800] },
  })
  return histogram
}

/** @param end `completed`, `failed`, `cancelled` */
export function nodeTook(ms: number, type: string, end: string): void {
  durationsOfNodes().record(ms / 1000, { 'holdfast.node.type': type, 'holdfast.node.end': end })
}
