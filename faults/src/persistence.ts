import type { CampaignOptions, CampaignReport } from './main.js'
import { stormClaims } from './persistence/claim-storm.js'
import { cutCommits } from './persistence/commit-cuts.js'
import { watchUnderReconnects } from './persistence/feed-reconnects.js'
import { restartServers } from './persistence/server-restarts.js'

const sizes = {
  quick: { jobs: 2_000, kills: 3, cuts: 200, restarts: 4, turns: 10 },
  usual: { jobs: 10_000, kills: 8, cuts: 1_000, restarts: 10, turns: 50 },
  long: { jobs: 50_000, kills: 40, cuts: 10_000, restarts: 60, turns: 500 },
} as const

/** What the document store promises when processes, connections and servers end in the middle of it: a claim is handed to one, a commit
 *  is whole or not there, and no answer is a guess. */
export async function run(options: CampaignOptions): Promise<CampaignReport> {
  const { seed, stores, report } = options
  const { jobs, kills, cuts, restarts, turns } = sizes[options.length]
  const figures: Record<string, number> = {}
  const add = (more: Readonly<Record<string, number>>): void => {
    for (const [figure, value] of Object.entries(more)) figures[figure] = (figures[figure] ?? 0) + value
  }
  for (const store of stores) {
    const storm = await stormClaims({ store, jobs, kills, workers: 32, seed })
    report(`claim storm on ${store}: ${JSON.stringify(storm)}`)
    add(storm)
  }
  if (stores.includes('postgres')) {
    const cut = await cutCommits({ cuts, seed })
    report(`connections cut at COMMIT: ${JSON.stringify(cut)}`)
    add(cut)
    const restarted = await restartServers({ restarts, seed })
    report(`servers restarted mid-transaction: ${JSON.stringify(restarted)}`)
    add(restarted)
    const watched = await watchUnderReconnects({ turns, seed })
    report(`feed under reconnects: ${JSON.stringify(watched)}`)
    add(watched)
  }
  const mustBeZero = [
    'double_claims',
    'lost_jobs',
    'lost',
    'doubled',
    'half_applied',
    'unresolved',
    'missed',
    'repeated',
    'disordered',
  ]
  return { figures, mustBeZero: mustBeZero.filter((figure) => figure in figures) }
}
