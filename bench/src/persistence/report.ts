import type { Figures } from '../figures.js'
import { compare, type Operation, rounded } from '../rounds.js'

/** Where the parts of one benchmark put their figures, and how long each of them measures. */
export interface Report extends Figures {
  readonly rounds: number
  /** Of one side of one round. */
  readonly ms: number
}

/** Calls a second of both sides, in alternation: `NAME` is ours over theirs, `NAME_per_s` and `NAME_their_per_s` the rates. */
export async function compareRates(
  report: Report,
  name: string,
  concurrency: number,
  { ours, theirs }: { readonly ours: Operation; readonly theirs: Operation },
): Promise<void> {
  const { rounds, ms } = report
  const result = await compare(ours, theirs, { concurrency, rounds, ms })
  report.metric(name, rounded(result.ratio))
  report.metric(`${name}_per_s`, Math.round(result.subjectPerSecond))
  report.metric(`${name}_their_per_s`, Math.round(result.baselinePerSecond))
}
