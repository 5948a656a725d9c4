import { invalidField } from '@holdfast/errors'
import type { AccessKey, Role } from '@holdfast/server'
import type { CommandContext } from '../command-context.js'
import { table } from '../printable.js'
import { type KeyFlags, openKeys } from './key-access.js'

interface CreateFlags extends KeyFlags {
  readonly role: Role
  readonly name?: string
  readonly method?: readonly string[]
  readonly expires?: string
}

export async function createKey(flags: CreateFlags, context: CommandContext): Promise<void> {
  const { name, method, expires } = flags
  const expiresAt = expires === undefined ? undefined : timeOf(expires)
  await using keys = await openKeys(flags, context)
  const { key, token } = await keys.create({
    role: flags.role,
    ...(name === undefined ? {} : { name }),
    ...(method === undefined ? {} : { methods: method }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  })
  if (flags.json === true) {
    await context.out.json({ key: shown(key), token })
    return
  }
  await context.out.line(token)
  await context.err.line(`holdfast: key ${key.id}, a ${key.role}’s of ${key.tenant}: keep it, it is not told again`)
}

export async function listKeys(flags: KeyFlags, context: CommandContext): Promise<void> {
  await using keys = await openKeys(flags, context)
  const found = await keys.list()
  if (flags.json === true) {
    await context.out.json({ keys: found.map(shown) })
    return
  }
  const rows = found.map((key) => [
    key.id,
    key.tenant,
    key.role,
    key.methods.join(' ') || 'all',
    stateOf(key),
    key.name,
  ])
  await context.out.write(table(['key', 'tenant', 'role', 'reaches', 'state', 'name'], rows))
}

export async function revokeKeys(ids: readonly string[], flags: KeyFlags, context: CommandContext): Promise<void> {
  await using keys = await openKeys(flags, context)
  const revoked: AccessKey[] = []
  for (const id of ids) revoked.push(await keys.revoke(id))
  if (flags.json === true) await context.out.json({ keys: revoked.map(shown) })
  else for (const { id } of revoked) await context.out.line(`${id} is revoked`)
}

function shown({ createdAt, expiresAt, revokedAt, ...key }: AccessKey): object {
  return {
    ...key,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
  }
}

function stateOf({ expiresAt, revokedAt }: AccessKey): string {
  if (revokedAt !== undefined) return `revoked ${revokedAt.toISOString()}`
  if (expiresAt === undefined) return 'valid'
  return `${expiresAt.getTime() <= Date.now() ? 'expired' : 'valid until'} ${expiresAt.toISOString()}`
}

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

function timeOf(text: string): Date {
  const [, count, unit = ''] = /^(\d+)([mhd])$/.exec(text) ?? []
  const time = count === undefined ? new Date(text) : new Date(Date.now() + Number(count) * (unitMs[unit] ?? 0))
  if (!Number.isNaN(time.getTime())) return time
  throw invalidField('--expires', `must be a date, or a time from now as 30d, 12h or 15m, not ${text}`)
}
