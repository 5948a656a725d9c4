import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type ServiceError, Metadata } from '@grpc/grpc-js'
import type { HoldfastError } from '@holdfast/errors'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { errorFromGrpc } from '@holdfast/protocol'
import type { Caller } from '../caller.js'
import { EchoClient, echoDefinition, startEcho } from '../echo.test.fixture.js'
import type { GrpcServer } from '../grpc-server.js'
import { createLogger } from '../logs.js'
import { AccessKeys } from './access-keys.js'
import { mintApiKey } from './api-key.js'
import { authenticatorOf } from './authenticator.js'
import { KeyRing } from './key-ring.js'

const roles = { 'holdfast.test.v1.Echo': { Echo: 'writer', Repeat: 'reader', Join: 'admin' } } as const
const text = (value: string): Buffer => Buffer.from(value)

describe('API keys', () => {
  let store: DocumentStore
  let keys: AccessKeys
  let log = ''
  const callers: Caller[] = []
  /** Two servers on one database, each with a memory of its own. */
  const servers: GrpcServer[] = []
  const clients: EchoClient[] = []

  before(async () => {
    store = await openDocumentStore('memory:')
    keys = new AccessKeys(store)
    const logger = createLogger({ level: 'trace', destination: { write: (line) => void (log += line) } })
    for (let n = 0; n < 2; n++) {
      const server = await startEcho(
        {
          async echo(word, { caller }) {
            callers.push(caller)
            return word
          },
          async *repeat(word, { signal }) {
            yield word
            await once(signal, 'abort')
          },
        },
        { auth: authenticatorOf([new KeyRing(new AccessKeys(store))]), roles, logger },
      )
      servers.push(server)
      clients.push(new EchoClient(server.address))
    }
  })

  after(async () => {
    for (const client of clients) client[Symbol.dispose]()
    for (const server of servers) await server.stop()
    await store.close()
  })

  const headers = (value?: string): Metadata => {
    const metadata = new Metadata()
    if (value !== undefined) metadata.set('authorization', value)
    return metadata
  }

  function call(metadata: Metadata, method: 'echo' | 'talk' | 'join' = 'echo', server = 0): Promise<string> {
    const client = clients[server] as EchoClient
    return new Promise((resolve, reject) => {
      client.client.makeUnaryRequest(echoDefinition[method].path, text, String, 'hi', metadata, {}, (error, answer) =>
        error ? reject(error) : resolve(answer ?? ''),
      )
    })
  }

  const refused = async (attempt: Promise<unknown>): Promise<HoldfastError> =>
    attempt.then(
      () => assert.fail('the call succeeded'),
      (error: ServiceError) => errorFromGrpc(error),
    )

  it('say whose a call is', async () => {
    const { key, token } = await keys.create({ tenant: 'acme', role: 'writer', name: 'a test' })
    assert.equal(await call(headers(`Bearer ${token}`)), 'hi')
    assert.equal(await call(headers(`bearer ${token}`), 'echo', 1), 'hi')
    assert.deepEqual(callers.at(-1), { tenant: 'acme', role: 'writer', credential: key.id })
    assert.ok(log.includes('"tenant":"acme"') && log.includes(`"credential":"${key.id}"`))
  })

  it('are refused alike, whatever is wrong with them', async () => {
    const { token } = await keys.create({ tenant: 'acme', role: 'writer' })
    const other = mintApiKey().token
    const texts = new Set<string>()
    const forged = `${token.slice(0, -4)}${token.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`
    for (const bad of [`Bearer ${other}`, `Bearer ${forged}`, 'Bearer hfk_', 'Bearer x', token, 'Basic eDp5']) {
      const { code, reason, message } = await refused(call(headers(bad)))
      assert.deepEqual([code, reason], ['UNAUTHENTICATED', 'CREDENTIAL_INVALID'], bad)
      texts.add(message)
    }
    assert.equal(texts.size, 1)
    assert.equal((await refused(call(headers()))).reason, 'CREDENTIAL_MISSING')
  })

  it('reach what their role and their scope allow, and nothing that nobody declared', async () => {
    const reader = await keys.create({ tenant: 'acme', role: 'reader' })
    const low = await refused(call(headers(`Bearer ${reader.token}`)))
    assert.deepEqual([low.code, low.reason], ['PERMISSION_DENIED', 'ROLE_TOO_LOW'])
    assert.deepEqual([low.metadata['needed'], low.metadata['role']], ['writer', 'reader'])
    const scoped = await keys.create({ tenant: 'acme', role: 'admin', methods: ['ChatService'] })
    assert.equal((await refused(call(headers(`Bearer ${scoped.token}`)))).reason, 'METHOD_OUT_OF_SCOPE')
    const admin = await keys.create({ tenant: 'acme', role: 'admin' })
    assert.equal((await refused(call(headers(`Bearer ${admin.token}`), 'talk'))).reason, 'METHOD_WITHOUT_ROLE')
  })

  it('expire', async () => {
    const { token } = await keys.create({ tenant: 'acme', role: 'writer', expiresAt: new Date(Date.now() + 300) })
    assert.equal(await call(headers(`Bearer ${token}`)), 'hi')
    await delay(310)
    assert.equal((await refused(call(headers(`Bearer ${token}`)))).reason, 'CREDENTIAL_EXPIRED')
  })

  it('are refused everywhere within a second of being revoked, and what they began ends', async () => {
    const { key, token } = await keys.create({ tenant: 'acme', role: 'writer' })
    const authorized = headers(`Bearer ${token}`)
    const ends = clients.map(({ client }) => {
      const stream = client.makeServerStreamRequest(echoDefinition.repeat.path, text, String, 'x', authorized)
      return new Promise<{ error: HoldfastError; at: number }>((resolve) => {
        stream.on('data', () => {})
        stream.on('error', (error: ServiceError) => resolve({ error: errorFromGrpc(error), at: performance.now() }))
      })
    })
    // Both have looked just now: nothing that they remember is old.
    await Promise.all([0, 1].map((server) => call(authorized, 'echo', server)))
    await keys.revoke(key.id)
    const revokedAt = performance.now()
    const refusedAt = [0, 1].map(async (server) => {
      for (;;) {
        const error = await call(authorized, 'echo', server).then(
          () => undefined,
          (failure: ServiceError) => errorFromGrpc(failure),
        )
        if (error !== undefined) {
          assert.equal(error.reason, 'CREDENTIAL_REVOKED')
          return performance.now() - revokedAt
        }
        await delay(5)
      }
    })
    for (const ms of await Promise.all(refusedAt)) assert.ok(ms < 1000, `refused after ${ms} ms`)
    for (const { error, at } of await Promise.all(ends)) {
      assert.deepEqual([error.code, error.reason], ['UNAUTHENTICATED', 'CREDENTIAL_REVOKED'])
      assert.ok(at - revokedAt < 1500, `ended after ${at - revokedAt} ms`)
    }
    assert.equal(
      (await keys.revoke(key.id)).revokedAt?.getTime(),
      (await keys.list()).find(({ id }) => id === key.id)?.revokedAt?.getTime(),
    )
  })

  it('are listed without their secrets, and only those of a tenant to it', async () => {
    const { key, token } = await keys.create({ tenant: 'zeta', role: 'reader', methods: ['ChatService/GetMessages'] })
    assert.deepEqual(await keys.list('zeta'), [key])
    assert.ok(!JSON.stringify(await keys.list()).includes(token.slice(-43)))
    await assert.rejects(keys.revoke(key.id, 'acme'), { code: 'NOT_FOUND', reason: 'KEY_NOT_FOUND' })
    await assert.rejects(keys.revoke('0'.repeat(16)), { code: 'NOT_FOUND', reason: 'KEY_NOT_FOUND' })
    const stored: string[] = []
    for await (const line of store.export()) stored.push(line)
    assert.ok(stored.join('').includes(key.id) && !stored.join('').includes(token.slice(-43)))
  })

  it('are made for what there is', async () => {
    const wrong = [
      { tenant: 'holdfast:system', role: 'admin' },
      { tenant: '', role: 'admin' },
      { tenant: 'a', role: 'root' as never },
      { tenant: 'a', role: 'admin', methods: ['ChatServices'] },
      { tenant: 'a', role: 'admin', methods: ['ChatService/Nothing'] },
      { tenant: 'a', role: 'admin', expiresAt: new Date(0) },
      { tenant: 'a', role: 'admin', name: 'x'.repeat(201) },
    ] as const
    for (const one of wrong) await assert.rejects(keys.create(one), { code: 'INVALID_ARGUMENT' }, JSON.stringify(one))
  })

  it('are in no line of a log', () => {
    assert.ok(log.includes('CREDENTIAL_REVOKED'))
    assert.doesNotMatch(log, /hfk_/)
  })
})
