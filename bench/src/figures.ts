import type { BenchReport } from './benchmark.js'

/** Where the parts of a benchmark put what they measured. */
export interface Figures {
  readonly metric: (name: string, value: number) => void
  /** A line for people: what ran, with which settings. */
  readonly note: (line: string) => void
}

/** Prints each figure as it comes, and keeps them all for the report.
 *  @param settings notes that stand first */
export function collectFigures(
  print: (line: string) => void,
  ...settings: readonly string[]
): { readonly figures: Figures; readonly report: BenchReport } {
  const metrics: Record<string, number> = {}
  const notes = [...settings]
  const figures: Figures = {
    metric: (name, value) => {
      metrics[name] = value
      print(`${name}: ${value}`)
    },
    note: (line) => {
      notes.push(line)
      print(line)
    },
  }
  return { figures, report: { metrics, notes } }
}

/** `--part` names none of the parts. */
export class UnknownPart extends Error {}

/** Runs the parts of a benchmark one after the other, or only that which `--part` names.
 *  @throws UnknownPart */
export async function runParts<World>(
  parts: Readonly<Record<string, (world: World) => Promise<void>>>,
  world: World,
  only: string | undefined,
): Promise<void> {
  if (only !== undefined && !Object.hasOwn(parts, only)) {
    throw new UnknownPart(`There is no part ${only}: it is one of ${Object.keys(parts).join(', ')}`)
  }
  for (const [name, part] of Object.entries(parts)) if (only === undefined || only === name) await part(world)
}
