import type { Metadata } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import type { Role } from '../caller.js'
import { type Authenticator, type Identity, expiredCredential, tokenOf } from './authenticator.js'
import { includes } from './method-roles.js'

/** A method, as admission looks at it. */
export interface AdmittedMethod {
  readonly name: string
  /** The least role for it; `undefined`: nobody may call it. */
  readonly role: Role | undefined
}

/** Who calls, if they may. At once for a credential that is remembered.
 *  @throws UNAUTHENTICATED; PERMISSION_DENIED; UNAVAILABLE if nobody can say who it is */
export function admit(
  authenticator: Authenticator,
  method: AdmittedMethod,
  metadata: Metadata,
): Identity | Promise<Identity> {
  const identity = authenticator.authenticate(tokenOf(metadata))
  return identity instanceof Promise ? identity.then((one) => permitted(one, method)) : permitted(identity, method)
}

/** A message that comes with its headers is served by what was found out about those; one that comes later is looked at again. */
const togetherMs = 10

interface Admission {
  readonly identity: Identity
  readonly at: number
}

/** Of calls whose headers were let in, by these. */
const admissions = new WeakMap<Metadata, Admission>()

export function rememberAdmission(metadata: Metadata, identity: Identity): void {
  admissions.set(metadata, { identity, at: performance.now() })
}

/** `undefined`: look at the credential. */
export function recentAdmission(metadata: Metadata): Identity | undefined {
  const found = admissions.get(metadata)
  return found !== undefined && performance.now() - found.at < togetherMs ? found.identity : undefined
}

function permitted(identity: Identity, { name, role }: AdmittedMethod): Identity {
  if (Date.now() >= identity.expiresAt) throw expiredCredential()
  const { caller } = identity
  if (role === undefined) {
    throw new HoldfastError('PERMISSION_DENIED', `${name} is open to nobody: no role is declared for it`, {
      reason: 'METHOD_WITHOUT_ROLE',
    })
  }
  if (!includes(caller.role, role)) {
    throw new HoldfastError(
      'PERMISSION_DENIED',
      `${name} needs the role ${role}, and this credential has ${caller.role}: use another one`,
      { reason: 'ROLE_TOO_LOW', metadata: { needed: role, role: caller.role } },
    )
  }
  if (!identity.reaches(name)) {
    throw new HoldfastError('PERMISSION_DENIED', `${name} is beyond what this credential is for: use another one`, {
      reason: 'METHOD_OUT_OF_SCOPE',
    })
  }
  return identity
}
