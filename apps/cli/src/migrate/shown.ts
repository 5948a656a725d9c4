import type {
  BackfillReport,
  CutoverReport,
  PlanReport,
  RollbackReport,
  StatusReport,
  VerifyReport,
} from '@holdfast/session'

/** What a step says to a person: what is so now, and what comes next. */
export function shown(step: string, report: object, seconds: number): string {
  return `${linesOf(step, report, seconds).join('\n')}\n`
}

function linesOf(step: string, report: object, seconds: number): string[] {
  switch (step) {
    case 'plan':
      return planLines(report as PlanReport)
    case 'dual-write':
      return ['The phase is dual-write: what is written to the old table is copied to documents.', next('backfill')]
    case 'backfill': {
      const { sessions, copied } = report as BackfillReport
      return [`Looked at ${sessions} sessions and made ${copied} copies, in ${seconds} s.`, next('verify')]
    }
    case 'verify':
      return verifyLines(report as VerifyReport, seconds)
    case 'cutover': {
      const { copied, heldMs, changed } = report as CutoverReport
      const done = changed ? `Writes waited for ${heldMs} ms, ${copied} copies were made.` : 'It was done before.'
      return ['The phase is cutover: documents answer, and the old table gets copies.', done, next('finish')]
    }
    case 'finish':
      return [
        'The phase is documents: the old table stays as it is.',
        'Open the service with the documents backend when you do not want to go back any more; until then `rollback` works.',
      ]
    case 'rollback': {
      const { from, phase, copied, heldMs } = report as RollbackReport
      if (from === phase) return [`The phase is ${phase}, as before.`]
      const moved = copied + heldMs === 0 ? [] : [`${copied} copies were made, writes waited for ${heldMs} ms.`]
      return [`Back from ${from}: the phase is ${phase}.`, ...moved]
    }
    default:
      return statusLines(report as StatusReport)
  }
}

function planLines({
  phase,
  sessions,
  contexts,
  states,
  metadata,
  others,
  bytes,
  largestBytes,
  documents,
  redis,
}: PlanReport): string[] {
  const lines = [
    `The phase is ${phase}.`,
    `The old table has ${sessions} sessions (${contexts} contexts, ${states} states, ${metadata} metadata, ${others} others), ${sizeOf(bytes)}; the largest has ${sizeOf(largestBytes)}.`,
    `There are ${documents} documents.`,
  ]
  if (redis !== undefined) {
    lines.push(
      `The old Redis has ${redis.keys} of them; ${redis.different} have another value there, and ${redis.onlyThere} keys are only there: the table is what counts.`,
    )
  }
  if (largestBytes > maxDocumentBytes) {
    lines.push(`A document holds ${sizeOf(maxDocumentBytes)} at most: shorten or delete larger sessions first.`)
  }
  if (phase === 'direct') lines.push(next('dual-write'))
  return lines
}

function verifyLines(report: VerifyReport, seconds: number): string[] {
  const { sessions, ranges, differentRanges, copied, different, digests, shadow } = report
  const lines = [
    `Compared ${sessions} sessions in ${ranges} ranges, in ${seconds} s: ${different} differed, ${copied} copies were missing.`,
    `Digest ${digests.legacy}${differentRanges === 0 ? ' in both' : `, of the documents ${digests.documents}; ${differentRanges} ranges differ`}.`,
    `Reads in service that asked both: ${shadow.reads}, of which ${shadow.different} differed.`,
  ]
  const isGood = different === 0 && differentRanges === 0 && shadow.different === 0
  return [...lines, isGood ? next('cutover') : 'They are mended now. Next: holdfast migrate sessions verify, again.']
}

function statusLines({ phase, heldFor, backfill, verify, shadow }: StatusReport): string[] {
  const lines = [`The phase is ${phase}.`]
  if (heldFor !== undefined) lines.push(`Writes wait for the phase ${heldFor}.`)
  if (backfill !== undefined) {
    lines.push(`backfill: ${backfill.sessions} sessions, ${backfill.copied} copies${ended(backfill.finished)}`)
  }
  if (verify !== undefined) {
    lines.push(
      `verify: ${verify.sessions} sessions, ${verify.different} differed, ${verify.copied} copies were missing${ended(verify.finished)}`,
    )
  }
  if (shadow !== undefined) lines.push(`reads in service: ${shadow.reads}, of which ${shadow.different} differed`)
  return lines
}

const maxDocumentBytes = 16 * 1024 * 1024

function ended(finished: boolean): string {
  return finished ? '' : ' (not at its end: run it again, it goes on where it was)'
}

function next(step: string): string {
  return `Next: holdfast migrate sessions ${step}`
}

function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
