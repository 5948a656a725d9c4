import type { Metadata } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import type { Caller } from '../caller.js'

/** Who a credential stands for, and for how long. The same object for all calls with one credential, while it is remembered. */
export interface Identity {
  readonly caller: Caller
  /** Milliseconds since 1970, by this machine's clock; `Infinity`: never. */
  readonly expiresAt: number
  /** Whether the credential reaches a method: `holdfast.chat.v1.ChatService/SendMessage`. Its role is another question. */
  reaches(method: string): boolean
  /** For calls that last: resolves while the credential stands. @throws UNAUTHENTICATED when it was revoked or has expired; UNAVAILABLE if
   *  nobody can say */
  stillStands(): Promise<void>
}

/** Tells who presents a credential. An answer that is remembered comes at once, so that most calls wait for nothing. */
export interface Authenticator {
  /** @param token what came as `authorization: Bearer TOKEN`
   *  @throws UNAUTHENTICATED; PERMISSION_DENIED if it is somebody who has no place here; UNAVAILABLE if nobody can say */
  authenticate(token: string): Identity | Promise<Identity>
}

/** One kind of credential among several, told by its form. */
export interface CredentialKind extends Authenticator {
  recognizes(token: string): boolean
}

/** Asks the first kind that a token has the form of. */
export function authenticatorOf(kinds: readonly CredentialKind[]): Authenticator {
  return {
    authenticate(token) {
      const kind = kinds.find((one) => one.recognizes(token))
      if (kind === undefined) throw invalidCredential()
      return kind.authenticate(token)
    },
  }
}

/** The token of a call's headers. @throws UNAUTHENTICATED */
export function tokenOf(metadata: Metadata): string {
  const [value, ...others] = metadata.get('authorization')
  if (value === undefined) {
    throw new HoldfastError(
      'UNAUTHENTICATED',
      'The call has no credential: send an API key or a token as `authorization: Bearer …`',
      { reason: 'CREDENTIAL_MISSING' },
    )
  }
  const token =
    others.length === 0 && typeof value === 'string' ? /^Bearer ([\x21-\x7e]+)$/i.exec(value)?.[1] : undefined
  if (token === undefined) throw invalidCredential()
  return token
}

/** One text for all that is wrong with a credential: whoever guesses learns nothing from it. */
export function invalidCredential(cause?: unknown): HoldfastError {
  const options = { reason: 'CREDENTIAL_INVALID', ...(cause === undefined ? {} : { cause }) }
  return new HoldfastError('UNAUTHENTICATED', 'The credential is not valid here: present another one', options)
}

export function expiredCredential(cause?: unknown): HoldfastError {
  const options = { reason: 'CREDENTIAL_EXPIRED', ...(cause === undefined ? {} : { cause }) }
  return new HoldfastError('UNAUTHENTICATED', 'The credential has expired: get a new one', options)
}

export function revokedCredential(): HoldfastError {
  return new HoldfastError('UNAUTHENTICATED', 'The credential was revoked: get a new one', {
    reason: 'CREDENTIAL_REVOKED',
  })
}
