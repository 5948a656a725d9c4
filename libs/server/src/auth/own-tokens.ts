import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { invalidField } from '@holdfast/errors'
import { type CredentialKind, type Identity, expiredCredential, invalidCredential } from './authenticator.js'
import { isTenant } from './tenant-name.js'

const prefix = 'hfo_'
const lifeMs = 60_000
const minSecretLength = 32

/** What services of one installation call one another with, on behalf of a tenant: a node of a graph asks for speech, a conversation has a picture
 *  looked at. Signed with a secret that they share, good for a minute, and a writer's. */
export class OwnTokens implements CredentialKind {
  readonly #secret: Buffer | string

  /** @param secret at least 32 characters; default: a random one, for calls within the process. @throws INVALID_ARGUMENT */
  constructor(secret?: string) {
    if (secret !== undefined && secret.length < minSecretLength) {
      throw invalidField('auth.serviceKey', `must have at least ${minSecretLength} characters`)
    }
    this.#secret = secret ?? randomBytes(32)
  }

  token(tenant: string): string {
    const claims = Buffer.from(JSON.stringify({ tenant, until: Date.now() + lifeMs })).toString('base64url')
    return `${prefix}${claims}.${this.#signature(claims).toString('base64url')}`
  }

  recognizes(token: string): boolean {
    return token.startsWith(prefix)
  }

  authenticate(token: string): Identity {
    const [claims = '', signature = ''] = token.slice(prefix.length).split('.')
    const given = Buffer.from(signature, 'base64url')
    const right = this.#signature(claims)
    if (given.length !== right.length || !timingSafeEqual(given, right)) throw invalidCredential()
    const { tenant, until } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>
    if (!isTenant(tenant) || typeof until !== 'number') throw invalidCredential()
    if (Date.now() >= until) throw expiredCredential()
    return {
      caller: Object.freeze({ tenant, role: 'writer', credential: 'holdfast' }),
      // A call that was begun in time may last.
      expiresAt: Number.POSITIVE_INFINITY,
      reaches: () => true,
      stillStands: () => Promise.resolve(),
    }
  }

  #signature(claims: string): Buffer {
    return createHmac('sha256', this.#secret).update(claims).digest()
  }
}
