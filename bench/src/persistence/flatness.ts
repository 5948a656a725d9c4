import type { DocumentStore } from '@holdfast/persistence'
import { measure, median, quantile, rounded } from '../rounds.js'
import { payload, type Payload } from './payload.js'
import type { Report } from './report.js'

/** p50 of a lone append to a stream of 100,000 entries over p50 to one of 10, in alternation. */
export async function appendFlatness(store: DocumentStore, report: Report): Promise<void> {
  const log = store.log<Payload>('bench')
  const entries = (count: number) => Array.from({ length: count }, (_, index) => ({ data: payload(index) }))
  for (let done = 0; done < 100_000; done += 1000) await log.append('long', entries(1000))
  const ratios: number[] = []
  let fresh = 0
  for (let round = 0; round < report.rounds * 2; round += 1) {
    const long = await measure(() => log.append('long', [{ data: payload(round) }]), 1, 400)
    // A stream of 10 that has grown by a few hundred is no longer one of 10: change it after every 10 appends.
    let left = 0
    const short = await measure(
      async () => {
        if (left === 0) {
          fresh += 1
          left = 10
        }
        left -= 1
        await log.append(`short-${fresh}`, [{ data: payload(round) }])
      },
      1,
      400,
    )
    ratios.push(quantile(long.latencies, 0.5) / quantile(short.latencies, 0.5))
  }
  report.metric('append_flat_100k_vs_10', rounded(median(ratios)))
}
