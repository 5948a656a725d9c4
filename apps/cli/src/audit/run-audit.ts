import { invalidField } from '@holdfast/errors'
import { AuditLog, type AuditProblem, type AuditRecord, formatAnchor, parseAnchor, verifyAudit } from '@holdfast/server'
import type { CommandContext } from '../command-context.js'
import { openDataStore } from '../commands/data-store.js'
import type { StoreFlags } from '../commands/store-options.js'
import { settingsOf } from '../settings.js'

interface ListFlags extends StoreFlags {
  readonly after?: string
  readonly tenant?: string
  readonly json?: true
}

interface VerifyFlags extends StoreFlags {
  readonly anchor?: string
  readonly json?: true
}

export async function listAudit(flags: ListFlags, context: CommandContext): Promise<void> {
  const after = Number(flags.after ?? 0)
  if (!Number.isSafeInteger(after) || after < 0) throw invalidField('--after', 'must be a number of an entry')
  await using store = await openDataStore(flags, context, { mayCreate: false })
  for await (const { seq, data } of new AuditLog(store).entries(after)) {
    if (flags.tenant !== undefined && data.tenant !== flags.tenant) continue
    if (flags.json === true) await context.out.json({ seq, ...data })
    else await context.out.line(shown(seq, data))
  }
}

export async function verifyAuditLog(flags: VerifyFlags, context: CommandContext): Promise<void> {
  const anchor = flags.anchor === undefined ? undefined : parseAnchor(flags.anchor)
  const { key } = settingsOf(flags, context.environment).config.audit
  await using store = await openDataStore(flags, context, { mayCreate: false })
  const verdict = await verifyAudit(new AuditLog(store), { key, anchor })
  if (!verdict.ok) context.endWith(1)
  if (flags.json === true) {
    const { anchor: last, ...rest } = verdict
    await context.out.json({ ...rest, anchor: last === undefined ? null : formatAnchor(last) })
  } else if (verdict.problem !== undefined) {
    await context.out.line(`The audit log is not as it was written: ${problemText(verdict.problem)}`)
  } else {
    const kept = verdict.anchor === undefined ? '' : `\nAnchor, to be kept elsewhere: ${formatAnchor(verdict.anchor)}`
    await context.out.line(`The audit log is as it was written: ${verdict.entries} entries.${kept}`)
  }
}

function problemText({ seq, kind }: AuditProblem): string {
  switch (kind) {
    case 'changed':
      return `entry ${seq} was changed, exchanged or moved (or the audit key is another one)`
    case 'removed':
      return `entry ${seq} was removed`
    case 'chain':
      return `entry ${seq} does not follow from the one before, which was exchanged or inserted`
    case 'cut':
      return `the entries from ${seq} on were cut off`
    case 'anchor':
      return `entry ${seq} is not the one of the anchor: the log was made anew`
  }
}

function shown(
  seq: number,
  { at, kind, action, outcome, reason, tenant, credential, role, count, facts }: AuditRecord,
): string {
  const who = [tenant, role, credential].filter((one) => one !== undefined).join('/')
  const more = Object.entries(facts ?? {}).map(([name, value]) => `${name}=${value}`)
  const parts = [
    String(seq).padStart(6),
    new Date(at).toISOString(),
    kind,
    action,
    reason === undefined ? outcome : `${outcome} (${reason})`,
    who === '' ? '-' : who,
    ...(count === undefined ? [] : [`${count} times`]),
    ...more,
  ]
  return parts.join('  ')
}
