import { type WorldReport, runGraphsUnderKills } from './dag/campaign.js'
import type { CampaignOptions, CampaignReport } from './main.js'

/** A kill is followed by a wait for leases to end, in which a world of its own goes on. */
const sizes = {
  quick: { kills: 40, worlds: 1 },
  usual: { kills: 200, worlds: 2 },
  long: { kills: 1_000, worlds: 2 },
} as const

/** Another process takes a lease and a look. */
const otherLimitMs = 15_000
/** Counted from when the process is there again. */
const sameLimitMs = 5_000

/** What the engine of graphs promises: random graphs end as the interpreter says that they must, whichever of three processes is killed when, and the
 *  database too; nothing that was recorded is done again, and no run is stuck. The kills are shared by worlds that know nothing of each other, each
 *  with a database and three processes. */
export async function run({ seed, length, report }: CampaignOptions): Promise<CampaignReport> {
  const { kills, worlds } = sizes[length]
  const each = await Promise.all(
    Array.from({ length: worlds }, (_, world) =>
      runGraphsUnderKills({
        kills: kills / worlds,
        seed: seed + world,
        report: (line) => report(worlds === 1 ? line : `world ${world + 1}: ${line}`),
      }),
    ),
  )
  const counts: Record<string, number> = {}
  for (const { figures } of each)
    for (const [figure, value] of Object.entries(figures)) counts[figure] = (counts[figure] ?? 0) + value
  const other = times(each, ({ recoveries }) => recoveries.onOther)
  const same = times(each, ({ recoveries }) => recoveries.onSame)
  return {
    figures: {
      ...counts,
      ...summary('recovery_on_other', other),
      ...summary('recovery_on_same', same),
      wait_of_10_ms_max_ms: Math.max(...each.map(({ longestWaitMs }) => longestWaitMs)),
      recovered_too_late: other.filter((ms) => ms > otherLimitMs).length + same.filter((ms) => ms > sameLimitMs).length,
    },
    mustBeZero: ['lost_nodes', 'wrong_outputs', 'recorded_rerun', 'stuck_runs', 'recovered_too_late'],
  }
}

function times(worlds: readonly WorldReport[], of: (world: WorldReport) => readonly number[]): number[] {
  return worlds.flatMap(of).sort((a, b) => a - b)
}

function summary(name: string, sorted: readonly number[]): Record<string, number> {
  return {
    [`${name}_runs`]: sorted.length,
    [`${name}_p95_ms`]: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
    [`${name}_max_ms`]: sorted.at(-1) ?? 0,
  }
}
