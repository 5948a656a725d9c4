import { campaign } from './cache/campaign.js'
import type { CampaignOptions, CampaignReport } from './main.js'

const sizes = {
  quick: { operations: 200_000, troubles: 72 },
  usual: { operations: 200_000, troubles: 72 },
  long: { operations: 4_000_000, troubles: 800 },
} as const

/** What the session store promises over a cache that is killed, paused, emptied, replaced and cut off, and a database that restarts: a
 *  read sees every write that was acknowledged before it began, in every process, and an outage is never an empty answer. */
export async function run({ seed, length, report }: CampaignOptions): Promise<CampaignReport> {
  const figures = await campaign({
    ...sizes[length],
    seed,
    processes: 4,
    clientsOfEach: 4,
    pauseShare: 0.05,
    report,
  })
  return {
    figures,
    mustBeZero: [
      'stale_reads',
      'backwards',
      'lost_writes',
      'resurrected',
      'errors_as_empty',
      'phantoms',
      'failed_calls',
    ],
  }
}
