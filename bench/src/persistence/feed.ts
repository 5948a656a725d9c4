import type { DocumentStore } from '@holdfast/persistence'
import { compare, rounded } from '../rounds.js'
import { anySeededId, payload, type Payload } from './payload.js'
import type { Report } from './report.js'

/** Time of a put into a collection with a change feed over one without: the worse of a lone caller and 64. */
export async function feedCost(store: DocumentStore, report: Report): Promise<void> {
  const plain = store.collection<Payload>('bench')
  const fed = store.collection<Payload>('bench-fed', { feed: true })
  const { rounds, ms } = report
  let n = 0
  const costs: number[] = []
  for (const concurrency of [1, 64]) {
    const result = await compare(
      () => plain.put(anySeededId(), payload((n += 1))),
      () => fed.put(anySeededId(), payload((n += 1))),
      { concurrency, rounds, ms },
    )
    costs.push(rounded(result.ratio))
    report.metric(`feed_cost_c${concurrency}`, rounded(result.ratio))
  }
  report.metric('feed_cost', Math.max(...costs))
}
