import { runGraphsUnderKills } from './dag/campaign.js'
import type { CampaignOptions, CampaignReport } from './main.js'

const kills = { quick: 40, usual: 200, long: 1_000 } as const

/** What the engine of graphs promises: random graphs end as the interpreter says that they must, whichever of three processes is killed when, and the
 *  database too; nothing that was recorded is done again, and no run is stuck. */
export async function run({ seed, length, report }: CampaignOptions): Promise<CampaignReport> {
  const figures = await runGraphsUnderKills({ kills: kills[length], seed, report })
  return { figures, mustBeZero: ['lost_nodes', 'wrong_outputs', 'recorded_rerun', 'stuck_runs', 'recovered_too_late'] }
}
