import { invalidField } from '@holdfast/errors'
import { access as wire } from '@holdfast/protocol'
import type { Role } from '../caller.js'
import { type GrpcService, defineService } from '../service.js'
import type { AccessKey, AccessKeys } from './access-keys.js'

/** Serves holdfast.access.v1.AccessService: the keys of the caller's own tenant. */
export function createAccessService(keys: AccessKeys): GrpcService {
  return defineService(wire.AccessServiceService, {
    async createKey({ name, role, methods, expireTime }, { caller }) {
      const wanted = rolesOnWire.find(([, onWire]) => onWire === role)?.[0]
      if (wanted === undefined) throw invalidField('role', 'must be reader, writer or admin')
      const { key, token } = await keys.create({
        tenant: caller.tenant,
        role: wanted,
        name,
        methods,
        ...(expireTime === undefined ? {} : { expiresAt: expireTime }),
      })
      return { key: keyOnWire(key), token }
    },

    async listKeys(_, { caller }) {
      return { keys: (await keys.list(caller.tenant)).map(keyOnWire) }
    },

    async revokeKey({ keyId }, { caller }) {
      if (keyId === '') throw invalidField('key_id', 'is empty: name the key')
      return { key: keyOnWire(await keys.revoke(keyId, caller.tenant)) }
    },

    whoAmI: (_, { caller }) =>
      Promise.resolve({ tenant: caller.tenant, role: roleOnWire(caller.role), credential: caller.credential }),
  })
}

const rolesOnWire: readonly (readonly [Role, wire.AccessRole])[] = [
  ['reader', wire.AccessRole.READER],
  ['writer', wire.AccessRole.WRITER],
  ['admin', wire.AccessRole.ADMIN],
]

function roleOnWire(role: Role): wire.AccessRole {
  return rolesOnWire.find(([name]) => name === role)?.[1] ?? wire.AccessRole.UNSPECIFIED
}

function keyOnWire({ id, name, role, methods, createdAt, expiresAt, revokedAt }: AccessKey): wire.AccessKey {
  return {
    id,
    name,
    role: roleOnWire(role),
    methods: [...methods],
    createTime: createdAt,
    expireTime: expiresAt,
    revokeTime: revokedAt,
  }
}
