import { invalidField } from '@holdfast/errors'
import { openDocumentStore } from '@holdfast/persistence'
import { access as wire } from '@holdfast/protocol'
import { type AccessKey, AccessKeys, type CreatedKey, type NewAccessKey, type Role } from '@holdfast/server'
import { withServerHint } from '../access/open-access.js'
import { audited } from '../audit/audited.js'
import type { CommandContext } from '../command-context.js'
import type { ServerFlags, StoreFlags } from '../commands/store-options.js'
import { serverClients } from '../server-clients.js'
import { settingsOf } from '../settings.js'
import { localTenant } from '../up/tenants.js'

export interface KeyFlags extends StoreFlags, ServerFlags {
  readonly tenant?: string
  readonly json?: true
}

/** The keys of a store, or of one tenant behind a server. */
export interface KeyAccess extends AsyncDisposable {
  create(key: Omit<NewAccessKey, 'tenant'>): Promise<CreatedKey>
  list(): Promise<readonly AccessKey[]>
  revoke(id: string): Promise<AccessKey>
}

export async function openKeys(flags: KeyFlags, context: CommandContext): Promise<KeyAccess> {
  const { environment } = context
  if (flags.server !== undefined) return overGrpc(flags.server, flags, environment)
  const { storeUrl } = settingsOf(flags, environment)
  const store = await openDocumentStore(storeUrl).catch((error: unknown) => {
    throw withServerHint(error)
  })
  const keys = new AccessKeys(store)
  const { tenant } = flags
  const create = (key: Omit<NewAccessKey, 'tenant'>): Promise<CreatedKey> =>
    keys.create({ ...key, tenant: tenant ?? localTenant })
  const facts = (key: AccessKey | undefined): Record<string, string> => (key === undefined ? {} : { key: key.id })
  return {
    create: (key) => {
      const event = { action: 'keys create', tenant, facts: (made?: CreatedKey) => facts(made?.key) }
      return audited(store, flags, context, event, () => create(key))
    },
    list: () => keys.list(tenant),
    revoke: (id) => audited(store, flags, context, { action: 'keys revoke', tenant, facts }, () => keys.revoke(id)),
    [Symbol.asyncDispose]: () => store.close(),
  }
}

async function overGrpc(
  address: string,
  flags: KeyFlags,
  environment: Readonly<NodeJS.ProcessEnv>,
): Promise<KeyAccess> {
  if (flags.tenant !== undefined) {
    throw invalidField('--tenant', 'is for a store that is opened here: a server goes by the credential')
  }
  const clients = serverClients(address, flags, environment)
  const tenantOf = async (): Promise<string> => (await clients.access.whoAmI({})).tenant
  return {
    async create({ role, name = '', methods = [], expiresAt }) {
      const request = { name, role: roles[role], methods: [...methods], expireTime: expiresAt }
      const { key, token } = await clients.access.createKey(request)
      return { key: fromWire(key, await tenantOf()), token }
    },
    async list() {
      const [{ keys }, tenant] = await Promise.all([clients.access.listKeys({}), tenantOf()])
      return keys.map((key) => fromWire(key, tenant))
    },
    async revoke(keyId) {
      return fromWire((await clients.access.revokeKey({ keyId })).key, await tenantOf())
    },
    [Symbol.asyncDispose]: async () => clients.close(),
  }
}

const roles: Readonly<Record<Role, wire.AccessRole>> = {
  reader: wire.AccessRole.READER,
  writer: wire.AccessRole.WRITER,
  admin: wire.AccessRole.ADMIN,
}

function fromWire(key: wire.AccessKey | undefined, tenant: string): AccessKey {
  if (key === undefined) throw new Error('The server answered without a key')
  const { id, name, role, methods, createTime, expireTime, revokeTime } = key
  const known = (Object.keys(roles) as Role[]).find((one) => roles[one] === role)
  return {
    id,
    name,
    tenant,
    role: known ?? 'reader',
    methods,
    createdAt: createTime ?? new Date(0),
    ...(expireTime === undefined ? {} : { expiresAt: expireTime }),
    ...(revokeTime === undefined ? {} : { revokedAt: revokeTime }),
  }
}
