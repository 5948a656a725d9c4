import { invalidField } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import type { Config } from '../config-type.js'
import type { Logger } from '../logs.js'
import { AccessKeys } from './access-keys.js'
import { type Authenticator, authenticatorOf } from './authenticator.js'
import { jsonWebTokens } from './json-web-tokens.js'
import { KeyRing } from './key-ring.js'
import { OwnTokens } from './own-tokens.js'
import { TlsFiles } from './tls-files.js'

export interface Auth {
  /** For `startGrpcServer`. */
  readonly authenticator: Authenticator | 'none'
  /** The keys in the store, whether or not they are asked for. */
  readonly keys: AccessKeys
  /** What the services of this process call one another with. */
  readonly own: OwnTokens
}

/** @throws INVALID_ARGUMENT if something is configured by half */
export function authFromConfig({ auth }: Pick<Config, 'auth'>, store: DocumentStore): Auth {
  const keys = new AccessKeys(store)
  const own = new OwnTokens(auth.serviceKey)
  if (auth.accept.includes('none')) return { authenticator: 'none', keys, own }
  const kinds = [
    own,
    ...(auth.accept.includes('keys') ? [new KeyRing(keys)] : []),
    ...(auth.accept.includes('jwt') ? [tokensFromConfig(auth.jwt)] : []),
  ]
  return { authenticator: authenticatorOf(kinds), keys, own }
}

function tokensFromConfig({ jwksUrl, issuer, audience, ...rest }: Config['auth']['jwt']) {
  if (jwksUrl === undefined) throw missing('jwksUrl')
  if (issuer === undefined) throw missing('issuer')
  if (audience === undefined) throw missing('audience')
  return jsonWebTokens({ jwksUrl, issuer, audience, ...rest })
}

function missing(name: string): Error {
  return invalidField(
    `auth.jwt.${name}`,
    'must be set where JSON Web Tokens are taken: a token of anybody would do else',
  )
}

/** @returns `undefined`: there is no TLS. @throws INVALID_ARGUMENT if only half of it is configured; FAILED_PRECONDITION for files that cannot be used */
export async function tlsFromConfig(
  { tls: { certificate, key, clientCa } }: Pick<Config, 'tls'>,
  logger: Logger,
): Promise<TlsFiles | undefined> {
  if (certificate !== undefined && key !== undefined) return TlsFiles.open({ certificate, key, clientCa, logger })
  if (certificate !== undefined) throw invalidField('tls.key', 'must be set with tls.certificate')
  if (key !== undefined) throw invalidField('tls.certificate', 'must be set with tls.key')
  if (clientCa !== undefined) throw invalidField('tls.certificate', 'must be set with tls.clientCa')
  return undefined
}
