import { stormEmbedded, stormJobs } from './jobs/storm.js'
import type { CampaignOptions, CampaignReport } from './main.js'

const sizes = {
  quick: { jobs: 500, kills: 25, pauses: 4, cancels: 20, embedded: { jobs: 100, kills: 3 } },
  usual: { jobs: 2_000, kills: 100, pauses: 6, cancels: 60, embedded: { jobs: 300, kills: 8 } },
  long: { jobs: 20_000, kills: 1_000, pauses: 40, cancels: 500, embedded: { jobs: 3_000, kills: 60 } },
} as const

/** What jobs promise when the processes that run them end, or sleep past their leases: each is done, its end is recorded once, and who asks for
 *  it to be cancelled is heard. */
export async function run(options: CampaignOptions): Promise<CampaignReport> {
  const { seed, stores, report } = options
  const { embedded, ...size } = sizes[options.length]
  const figures: Record<string, number> = {}
  const add = (more: Readonly<Record<string, number>>): void => {
    for (const [figure, value] of Object.entries(more)) figures[figure] = (figures[figure] ?? 0) + value
  }
  if (stores.includes('postgres')) {
    const storm = await stormJobs({ ...size, seed })
    report(`jobs on postgres: ${JSON.stringify(storm)}`)
    add(storm)
  }
  if (stores.includes('embedded')) {
    const storm = await stormEmbedded({ ...embedded, seed })
    report(`jobs on embedded: ${JSON.stringify(storm)}`)
    add(storm)
  }
  return { figures, mustBeZero: ['lost', 'done_twice', 'stuck', 'disordered'] }
}
