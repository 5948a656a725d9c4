import { access } from '@holdfast/protocol'
import type { Connection } from './connection.js'
import { type UnaryCalls, type UnaryRules, unaryCalls } from './unary-calls.js'

type Service = typeof access.AccessServiceService

/** holdfast.access.v1.AccessService. A key that was made and never told is one to revoke, so `createKey` is not repeated. */
export type AccessClient = UnaryCalls<Service>

const rules: UnaryRules<Service> = {
  createKey: { request: access.CreateKeyRequest, repeatable: false },
  listKeys: { request: access.ListKeysRequest, repeatable: true },
  revokeKey: { request: access.RevokeKeyRequest, repeatable: true },
  whoAmI: { request: access.WhoAmIRequest, repeatable: true },
}

export function createAccessClient(connection: Connection): AccessClient {
  return unaryCalls(connection, access.AccessServiceService, rules)
}
