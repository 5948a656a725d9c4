import { invalidField } from '@holdfast/errors'
import { hashOfEntry } from './audit-entry.js'
import type { AuditLog } from './audit-log.js'

/** An entry as it was once seen. Kept somewhere else it shows that nothing before it was changed since, and that it was not cut off. */
export interface AuditAnchor {
  readonly seq: number
  readonly hash: string
}

export interface AuditVerdict {
  readonly ok: boolean
  readonly entries: number
  /** Of the last entry; keep it elsewhere. Absent: there is none. */
  readonly anchor?: AuditAnchor
  /** The first place where something is wrong. */
  readonly problem?: AuditProblem
}

export interface AuditProblem {
  readonly seq: number
  /** `changed`: the entry is not what was written. `removed`: there is none in its place. `chain`: it does not follow from the one before, which was
   *  exchanged, inserted or put in another order. `cut`: entries that were there at the end are missing. `anchor`: it is not the one that was seen. */
  readonly kind: 'changed' | 'removed' | 'chain' | 'cut' | 'anchor'
}

/** Reads all of the log. */
export async function verifyAudit(
  log: AuditLog,
  options: { readonly key?: string | undefined; readonly anchor?: AuditAnchor | undefined } = {},
): Promise<AuditVerdict> {
  const { key, anchor } = options
  let last: AuditAnchor | undefined
  const failed = (seq: number, kind: AuditProblem['kind']): AuditVerdict => ({
    ok: false,
    entries: last?.seq ?? 0,
    problem: { seq, kind },
  })
  const written = await log.last()
  for await (const { seq, data } of log.entries()) {
    const expected = (last?.seq ?? 0) + 1
    if (seq !== expected) return failed(expected, 'removed')
    if (hashOfEntry(seq, data, key) !== data.hash) return failed(seq, 'changed')
    if (data.previous !== (last?.hash ?? '')) return failed(seq, 'chain')
    if (anchor?.seq === seq && anchor.hash !== data.hash) return failed(seq, 'anchor')
    last = { seq, hash: data.hash }
  }
  const end = last?.seq ?? 0
  if (end < Math.max(written, anchor?.seq ?? 0)) return failed(end + 1, 'cut')
  return { ok: true, entries: end, ...(last === undefined ? {} : { anchor: last }) }
}

/** Reads `SEQ:HASH`. @throws INVALID_ARGUMENT */
export function parseAnchor(text: string): AuditAnchor {
  const [, seq, hash] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? []
  if (seq === undefined || hash === undefined)
    throw invalidField('anchor', 'must be SEQ:HASH, as `audit verify` prints it')
  return { seq: Number(seq), hash }
}

export function formatAnchor({ seq, hash }: AuditAnchor): string {
  return `${seq}:${hash}`
}
