import { createHash } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { type JWTPayload, createRemoteJWKSet, errors, jwtVerify } from 'jose'
import type { Role } from '../caller.js'
import { type CredentialKind, type Identity, expiredCredential, invalidCredential } from './authenticator.js'
import { includes, isRole } from './method-roles.js'
import { isTenant } from './tenant-name.js'

export interface JwtOptions {
  /** Where the issuer publishes its keys: https, or http on loopback. */
  readonly jwksUrl: string
  /** `iss` has to be this. */
  readonly issuer: string
  /** `aud` has to be or contain this. */
  readonly audience: string
  /** Signatures that are taken; default RS256, ES256 and EdDSA. Secrets that two know (HS*) and no signature (`none`) never are. */
  readonly algorithms?: readonly string[]
  /** The claim that names the tenant; default `tenant`. A path with dots leads into objects. */
  readonly tenantClaim?: string
  /** The claim that names the role, or a list with it; default `role`. Of several the highest counts. */
  readonly roleClaim?: string
  /** How far clocks may differ, in milliseconds; default 30,000. */
  readonly clockToleranceMs?: number
  /** For how long a token that was verified is remembered, in milliseconds; default 10,000. A key that the issuer took back is believed no longer than
   *  this and `keysMs` together. */
  readonly rememberMs?: number
  /** For how long the issuer's keys are believed, in milliseconds; default 300,000. A key that is not among them is looked for at once. */
  readonly keysMs?: number
  /** Between two looks for keys that are not there, in milliseconds; default 5,000. */
  readonly cooldownMs?: number
  /** For one fetch of the keys, in milliseconds; default 5,000. */
  readonly timeoutMs?: number
}

const safeAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
const capacity = 10_000

interface Verified {
  readonly identity: Identity
  readonly until: number
}

/** JSON Web Tokens of one issuer. @throws INVALID_ARGUMENT that names the option at fault */
export function jsonWebTokens(options: JwtOptions): CredentialKind {
  const { jwksUrl, issuer, audience, algorithms = ['RS256', 'ES256', 'EdDSA'], tenantClaim = 'tenant' } = options
  const { roleClaim = 'role', clockToleranceMs = 30_000, rememberMs = 10_000 } = options
  checkAlgorithms(algorithms)
  const keys = createRemoteJWKSet(checkUrl(jwksUrl), {
    cacheMaxAge: options.keysMs ?? 300_000,
    cooldownDuration: options.cooldownMs ?? 5_000,
    timeoutDuration: options.timeoutMs ?? 5_000,
  })
  const verifying = {
    issuer,
    audience,
    algorithms: [...algorithms],
    clockTolerance: clockToleranceMs / 1000,
    requiredClaims: ['exp', 'sub'],
  }
  /** By the SHA-256 of the token. */
  const known = new Map<string, Verified>()

  async function verify(token: string): Promise<Identity> {
    const payload = await jwtVerify(token, keys, verifying).then(
      (found) => found.payload,
      (error: unknown) => {
        throw refusal(error)
      },
    )
    return identityOf(payload)
  }

  function identityOf(payload: JWTPayload): Identity {
    const tenant = claim(payload, tenantClaim)
    if (!isTenant(tenant)) throw withoutClaim(tenantClaim, 'no tenant')
    const role = highestRole(claim(payload, roleClaim))
    if (role === undefined) throw withoutClaim(roleClaim, 'no role of Holdfast: reader, writer or admin')
    const expiresAt = (payload.exp ?? 0) * 1000 + clockToleranceMs
    return {
      caller: Object.freeze({ tenant, role, credential: payload.sub ?? '' }),
      expiresAt,
      reaches: () => true,
      stillStands: () => (Date.now() < expiresAt ? Promise.resolve() : Promise.reject(expiredCredential())),
    }
  }

  async function authenticate(token: string, hash: string): Promise<Identity> {
    const identity = await verify(token)
    known.set(hash, { identity, until: Math.min(Date.now() + rememberMs, identity.expiresAt) })
    const [oldest] = known.keys()
    if (known.size > capacity && oldest !== undefined) known.delete(oldest)
    return identity
  }

  return {
    recognizes: (token) => token.split('.', 4).length === 3,
    authenticate(token) {
      const hash = createHash('sha256').update(token).digest('base64url')
      const found = known.get(hash)
      if (found !== undefined && Date.now() < found.until) return found.identity
      known.delete(hash)
      return authenticate(token, hash)
    },
  }
}

function checkAlgorithms(algorithms: readonly string[]): void {
  const bad = algorithms.find((algorithm) => !safeAlgorithms.includes(algorithm))
  if (algorithms.length > 0 && bad === undefined) return
  throw invalidField(
    'auth.jwt.algorithms',
    `must be among ${safeAlgorithms.join(', ')}${bad === undefined ? '' : `, not ${bad}`}`,
  )
}

function checkUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isLocal = url?.protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url?.protocol === 'https:' || (url !== undefined && isLocal)) return url
  throw invalidField(
    'auth.jwt.jwksUrl',
    'must be an https:// URL, or http:// on loopback: whoever changes it makes the keys',
  )
}

/** @param path of a claim: its name, or its way through objects. Names that are URLs have dots too, so the whole is tried first. */
function claim(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path]
  return path.split('.').reduce<unknown>((value, key) => {
    const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    return isObject ? (value as Record<string, unknown>)[key] : undefined
  }, payload)
}

function highestRole(value: unknown): Role | undefined {
  const found = (Array.isArray(value) ? value : [value]).filter(isRole)
  return found.reduce<Role | undefined>(
    (best, role) => (best !== undefined && includes(best, role) ? best : role),
    undefined,
  )
}

function withoutClaim(name: string, what: string): HoldfastError {
  return new HoldfastError('PERMISSION_DENIED', `The token’s claim ${name} names ${what}: ask its issuer`, {
    reason: 'CLAIM_MISSING',
    metadata: { claim: name },
  })
}

/** What is wrong with the token is the caller’s; that nobody could tell is not. */
function refusal(error: unknown): HoldfastError {
  if (error instanceof errors.JWTExpired) return expiredCredential(error)
  const isAboutKeys =
    !(error instanceof errors.JOSEError) ||
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === errors.JOSEError.code
  if (!isAboutKeys) return invalidCredential(error)
  return new HoldfastError('UNAVAILABLE', 'The token’s issuer could not be asked for its keys: try again', {
    cause: error,
    reason: 'CREDENTIAL_UNKNOWABLE',
    retryAfterMs: 1000,
  })
}
