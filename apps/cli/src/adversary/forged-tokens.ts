import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose'

export const issuer = 'https://issuer.example'
export const audience = 'holdfast'

/** An issuer of tokens, and what somebody makes who would be one. */
export interface Issuer extends AsyncDisposable {
  readonly jwksUrl: string
  readonly good: string
  /** By what is wrong with each; all but the last are nobody, the last is somebody without a place. */
  readonly forged: Readonly<Record<string, string>>
}

export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  const other = await generateKeyPair('RS256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }
  const server = createServer((_, response) => void response.end(JSON.stringify({ keys: [jwk] })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const claims = { tenant: 'tenant-of-jwt', role: 'admin' }
  const sign = (change: (token: SignJWT) => SignJWT = (token) => token, of: object = claims, key = privateKey) =>
    change(
      new SignJWT({ ...of })
        .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject('somebody')
        .setIssuedAt()
        .setExpirationTime('10m'),
    ).sign(key)
  const good = await sign()
  const [header = '', payload = '', signature = ''] = good.split('.')
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const pem = await exportSPKI(publicKey)
  const asSecret = `${encode({ alg: 'HS256', kid: 'k1' })}.${payload}`
  return {
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    good,
    forged: {
      'signed by somebody else': await sign(undefined, claims, other.privateKey),
      'without an algorithm': `${encode({ alg: 'none' })}.${payload}.`,
      'without an algorithm, with a signature': `${encode({ alg: 'none', kid: 'k1' })}.${payload}.${signature}`,
      'with the public key as a secret': `${asSecret}.${createHmac('sha256', pem).update(asSecret).digest('base64url')}`,
      'with another tenant written into it': `${header}.${encode({ ...claims, iss: issuer, aud: audience, sub: 'x', exp: 4e9, tenant: 'tenant-a' })}.${signature}`,
      'for another audience': await sign((token) => token.setAudience('another')),
      'of another issuer': await sign((token) => token.setIssuer('https://evil.example')),
      expired: await sign((token) => token.setExpirationTime(Math.floor(Date.now() / 1000) - 3600)),
      'not yet valid': await sign((token) => token.setNotBefore('5m')),
      'with no end': await new SignJWT({ ...claims, sub: 'x', iss: issuer, aud: audience })
        .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
        .sign(privateKey),
      'of a tenant that is the server’s own': await sign(undefined, { tenant: 'holdfast:system', role: 'admin' }),
      'without a tenant': await sign(undefined, { role: 'admin' }),
      'without a role': await sign(undefined, { tenant: 'tenant-a', role: 'root' }),
    },
    [Symbol.asyncDispose]: () => closed(server),
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
