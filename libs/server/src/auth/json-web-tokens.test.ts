import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import type { CredentialKind, Identity } from './authenticator.js'
import { type JwtOptions, jsonWebTokens } from './json-web-tokens.js'

interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey']
  readonly jwk: object
}

async function newKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg)
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } }
}

describe('JSON Web Tokens', () => {
  let server: Server
  let published: SigningKey[]
  let fetches = 0
  let status = 200
  let first: SigningKey

  before(async () => {
    first = await newKey('one')
    published = [first]
    server = createServer((_, response) => {
      fetches++
      response.writeHead(status).end(JSON.stringify({ keys: published.map(({ jwk }) => jwk) }))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => {
    server.close()
    server.closeAllConnections()
  })

  const open = (more: Partial<JwtOptions> = {}): CredentialKind =>
    jsonWebTokens({
      jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
      issuer: 'https://issuer.example',
      audience: 'holdfast',
      cooldownMs: 0,
      ...more,
    })

  const sign = (
    key: SigningKey,
    claims: object = { tenant: 'acme', role: 'writer' },
    expires: number | string = '10m',
  ): Promise<string> =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: key.alg, kid: key.kid })
      .setIssuer('https://issuer.example')
      .setAudience('holdfast')
      .setSubject('somebody')
      .setExpirationTime(expires)
      .sign(key.privateKey)

  const who = async (tokens: CredentialKind, token: string): Promise<Identity> => tokens.authenticate(token)

  it('say tenant, role and subject, and are remembered', async () => {
    const tokens = open()
    const token = await sign(first)
    assert.ok(tokens.recognizes(token))
    const identity = await who(tokens, token)
    assert.deepEqual(identity.caller, { tenant: 'acme', role: 'writer', credential: 'somebody' })
    const before = fetches
    assert.equal(tokens.authenticate(token), identity)
    assert.equal(fetches, before)
  })

  it('name tenant and role in claims that are configured, also within objects, of several roles the highest', async () => {
    const claims = { 'https://x.example/org': 'acme', realm: { access: ['reader', 'admin', 'offline'] } }
    const tokens = open({ tenantClaim: 'https://x.example/org', roleClaim: 'realm.access' })
    const { caller } = await who(tokens, await sign(first, claims))
    assert.deepEqual([caller.tenant, caller.role], ['acme', 'admin'])
    const without = { code: 'PERMISSION_DENIED', reason: 'CLAIM_MISSING' }
    await assert.rejects(who(open(), await sign(first, claims)), without)
    await assert.rejects(who(open(), await sign(first, { tenant: 'acme', role: 'root' })), without)
    await assert.rejects(who(open(), await sign(first, { tenant: 'holdfast:system', role: 'admin' })), without)
  })

  it('are verified with a key that the issuer began to use a moment ago', async () => {
    const tokens = open()
    await who(tokens, await sign(first))
    const second = await newKey('two')
    published = [first, second]
    assert.equal((await who(tokens, await sign(second))).caller.tenant, 'acme')
    published = [first]
  })

  it('end with their time, as far as clocks may differ', async () => {
    const seconds = Math.floor(Date.now() / 1000)
    const lately = await sign(first, undefined, seconds - 5)
    assert.equal((await who(open({ clockToleranceMs: 30_000 }), lately)).caller.tenant, 'acme')
    await assert.rejects(who(open({ clockToleranceMs: 0 }), lately), {
      code: 'UNAUTHENTICATED',
      reason: 'CREDENTIAL_EXPIRED',
    })
    const tokens = open({ clockToleranceMs: 0 })
    const short = await sign(first, undefined, Math.floor(Date.now() / 1000) + 2)
    const identity = await who(tokens, short)
    await identity.stillStands()
    await delay(identity.expiresAt - Date.now() + 5)
    await assert.rejects(identity.stillStands(), { reason: 'CREDENTIAL_EXPIRED' })
    await assert.rejects(who(tokens, short), { reason: 'CREDENTIAL_EXPIRED' })
  })

  it('are nobody’s when the issuer cannot be asked: an outage is no refusal', async () => {
    const token = await sign(first)
    status = 503
    const unknowable = { code: 'UNAVAILABLE', reason: 'CREDENTIAL_UNKNOWABLE' }
    await assert.rejects(who(open(), token), unknowable)
    status = 200
    await assert.rejects(who(open({ jwksUrl: 'http://127.0.0.1:9/jwks' }), token), unknowable)
    assert.equal((await who(open(), token)).caller.tenant, 'acme')
  })

  it('are taken only with signatures that were allowed, and never with none or a shared secret', async () => {
    const rsa = await newKey('rsa', 'RS256')
    published = [first, rsa]
    await assert.rejects(who(open({ algorithms: ['ES256'] }), await sign(rsa)), { reason: 'CREDENTIAL_INVALID' })
    published = [first]
    for (const algorithms of [['none'], ['HS256'], ['ES256', 'HS512'], []]) {
      assert.throws(() => open({ algorithms }), { code: 'INVALID_ARGUMENT', message: /^auth\.jwt\.algorithms/ })
    }
    for (const jwksUrl of ['http://issuer.example/jwks', 'file:///keys', 'keys']) {
      assert.throws(() => open({ jwksUrl }), { code: 'INVALID_ARGUMENT', message: /^auth\.jwt\.jwksUrl/ })
    }
  })
})
