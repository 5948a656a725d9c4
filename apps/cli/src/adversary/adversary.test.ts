import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { Client, Metadata, credentials } from '@grpc/grpc-js'
import { type HoldfastError, grpcStatusOf } from '@holdfast/errors'
import { createClients } from '@holdfast/grpc-clients'
import { AccessKeys, createLogger, roleFor } from '@holdfast/server'
import { settingsOf } from '../settings.js'
import { type RunningServer, serve } from '../up/serve.js'
import { type RedisServer, startRedis, whyNoRedis } from '@holdfast/test-servers'
import { type Issuer, audience, issuer, startIssuer } from './forged-tokens.js'
import { plantedRequest } from './planted-request.js'
import { type Victim, canary, makeVictim, neverThere } from './victim.js'
import { type Answer, type WireMethod, callWire, wireMethods } from './wire-methods.js'

/** NodeService is what custom nodes of graphs call: others serve it. */
const elsewhere = new Set(['holdfast.dag.v1.NodeService'])
const methods = wireMethods().filter(({ service }) => !elsewhere.has(service))
/** Long enough for an answer on a busy machine; what waits for work, which nobody does here, gets the short one. */
const deadlineMs = 5_000
const waitingMs = 50
const refusals = new Set(['UNAUTHENTICATED', 'PERMISSION_DENIED'])

/** All of Holdfast in one process, with no worker, so that what a tenant has stays as it is; with a cache where there is a Redis. */
describe('whoever calls', () => {
  let server: RunningServer
  let over: Promise<void>
  let redis: RedisServer | undefined
  let tokens: Issuer
  let client: Client
  let log = ''
  let victim: Victim
  const stop = new AbortController()
  const keys: Record<string, string> = {}

  before(async () => {
    tokens = await startIssuer()
    redis = (await whyNoRedis()) === undefined ? await startRedis() : undefined
    const environment = {
      HOLDFAST_AUTH: 'keys,jwt',
      HOLDFAST_AUTH_JWT_JWKS_URL: tokens.jwksUrl,
      HOLDFAST_AUTH_JWT_ISSUER: issuer,
      HOLDFAST_AUTH_JWT_AUDIENCE: audience,
      HOLDFAST_JOBS_WORKERS: '0',
      HOLDFAST_LIMITS_DRAIN_MS: '100',
      // No endpoint is there: nothing is embedded, and nothing writes while we look.
      HOLDFAST_MODELS_EMBEDDING_PROVIDER: 'openai',
      HOLDFAST_MODELS_EMBEDDING_NAME: 'none',
      HOLDFAST_MODELS_EMBEDDING_DIMENSIONS: '2',
      HOLDFAST_MODELS_EMBEDDING_BASE_URL: 'http://127.0.0.1:9/v1',
    }
    const flags = { database: 'memory:', listen: '127.0.0.1:0', metrics: '127.0.0.1:0' }
    const settings = settingsOf(redis === undefined ? flags : { ...flags, redis: redis.url }, environment)
    const logger = createLogger({ level: 'trace', destination: { write: (line) => void (log += line) } })
    server = await new Promise<RunningServer>((resolve, reject) => {
      over = serve(settings, logger, async (running) => {
        resolve(running)
        await once(stop.signal, 'abort')
      })
      over.catch(reject)
    })
    client = new Client(server.grpc, credentials.createInsecure())
    const access = new AccessKeys(server.store)
    const make = async (name: string, key: Parameters<AccessKeys['create']>[0]): Promise<string> => {
      const { key: made, token } = await access.create(key)
      keys[name] = token
      return made.id
    }
    await make('admin of a', { tenant: 'tenant-a', role: 'admin' })
    await make('admin of b', { tenant: 'tenant-b', role: 'admin' })
    await make('writer', { tenant: 'tenant-b', role: 'writer' })
    await make('reader', { tenant: 'tenant-b', role: 'reader' })
    await make('expired', { tenant: 'tenant-a', role: 'admin', expiresAt: new Date(Date.now() + 50) })
    await access.revoke(await make('revoked', { tenant: 'tenant-a', role: 'admin' }))
    const clients = createClients({ address: server.grpc, token: keys['admin of a'] ?? '' })
    victim = await makeVictim(clients)
    clients.close()
  })

  after(async () => {
    client.close()
    stop.abort()
    await over
    await redis?.[Symbol.asyncDispose]()
    await tokens[Symbol.asyncDispose]()
  })

  const bearing = (token: string | undefined): Metadata => {
    const metadata = new Metadata()
    if (token !== undefined) metadata.set('authorization', token)
    return metadata
  }

  /** Every method, with an empty request. */
  async function everywhere(
    token: string | undefined,
    only: readonly WireMethod[] = methods,
    ms: number = deadlineMs,
  ): Promise<[WireMethod, Answer][]> {
    return Promise.all(
      only.map(async (method) => [method, await callWire(client, method, {}, bearing(token), ms)] as const),
    ).then((all) => all.map(([method, answer]) => [method, answer]))
  }

  async function refusedEverywhere(token: string | undefined, code: string, reason: string): Promise<void> {
    for (const [{ name }, { messages, error }] of await everywhere(token)) {
      assert.deepEqual([error?.code, error?.reason, messages.length], [code, reason, 0], name)
    }
  }

  it('is refused by every method without a credential that is valid', async () => {
    assert.ok(methods.length > 60)
    await refusedEverywhere(undefined, 'UNAUTHENTICATED', 'CREDENTIAL_MISSING')
    for (const bad of ['Bearer', 'Bearer x', 'Bearer hfk_0000000000000000_x', 'Basic YTpi', keys['admin of a']]) {
      await refusedEverywhere(bad, 'UNAUTHENTICATED', 'CREDENTIAL_INVALID')
    }
    const unknown = `Bearer hfk_0123456789abcdef_${'A'.repeat(43)}`
    await refusedEverywhere(unknown, 'UNAUTHENTICATED', 'CREDENTIAL_INVALID')
    await refusedEverywhere(`${`Bearer ${keys['admin of a']}`.slice(0, -2)}~~`, 'UNAUTHENTICATED', 'CREDENTIAL_INVALID')
    await refusedEverywhere(`Bearer ${keys['expired']}`, 'UNAUTHENTICATED', 'CREDENTIAL_EXPIRED')
    await refusedEverywhere(`Bearer ${keys['revoked']}`, 'UNAUTHENTICATED', 'CREDENTIAL_REVOKED')
  })

  it('is refused by every method with a token that somebody forged, or that is for others', async () => {
    for (const [what, token] of Object.entries(tokens.forged)) {
      for (const [{ name }, { messages, error }] of await everywhere(`Bearer ${token}`)) {
        assert.ok(refusals.has(error?.code ?? ''), `${name} with a token ${what}: ${error?.code} ${error?.message}`)
        assert.equal(messages.length, 0)
      }
    }
  })

  it('is refused by every method that asks for a higher role, and by all that a key does not reach', async () => {
    const ranks = ['reader', 'writer', 'admin']
    for (const role of ['reader', 'writer']) {
      const above = methods.filter(({ name }) => ranks.indexOf(roleFor(name) ?? '') > ranks.indexOf(role))
      assert.ok(above.length > 0)
      for (const [{ name }, { error }] of await everywhere(`Bearer ${keys[role]}`, above)) {
        assert.deepEqual([error?.code, error?.reason], ['PERMISSION_DENIED', 'ROLE_TOO_LOW'], name)
      }
    }
    for (const service of new Set(methods.map((method) => method.service))) {
      const short = service.slice(service.lastIndexOf('.') + 1)
      const { token } = await new AccessKeys(server.store).create({
        tenant: 'tenant-b',
        role: 'admin',
        methods: [short],
      })
      const others = methods.filter((method) => method.service !== service)
      for (const [{ name }, { error }] of await everywhere(`Bearer ${token}`, others)) {
        assert.deepEqual([error?.code, error?.reason], ['PERMISSION_DENIED', 'METHOD_OUT_OF_SCOPE'], name)
      }
    }
  })

  it('is let in with a key or a token that is good', async () => {
    for (const token of [tokens.good, keys['admin of b']]) {
      for (const [{ name }, { error }] of await everywhere(`Bearer ${token}`, methods, 1_000)) {
        assert.ok(!refusals.has(error?.code ?? ''), `${name}: ${error?.message}`)
        assert.notEqual(error?.code, 'INTERNAL', name)
      }
    }
  })

  it('sees and changes nothing of another tenant, and cannot tell that it is there', async () => {
    const absent = neverThere(victim.ids)
    const kept = await everythingOf('tenant-a')
    assert.ok(kept.includes(canary))
    // A tenant for each service, so that what one does to itself is not seen by the next.
    const services = [...new Set(methods.map(({ service }) => service))]
    await Promise.all(
      services.map(async (service) => {
        const tenant = `intruder-${service}`
        const { token } = await new AccessKeys(server.store).create({ tenant, role: 'admin' })
        for (const method of methods.filter((one) => one.service === service)) await intrude(method, token, absent)
      }),
    )
    assert.equal(await everythingOf('tenant-a'), kept)
  })

  /** Calls a method with every name of the tenant that it must not reach, and with names that nobody has: both have to end alike. */
  async function intrude(method: WireMethod, token: string, absent: Victim['ids']): Promise<void> {
    let ms = 1_000
    for (const everywhereOf of [undefined, ...Object.keys(victim.ids)]) {
      const call = async (ids: Victim['ids']): Promise<Answer> => {
        const plant = everywhereOf === undefined ? { named: ids } : { named: ids, everywhere: ids[everywhereOf] ?? '' }
        return callWire(client, method, plantedRequest(method.request, plant), bearing(`Bearer ${token}`), ms)
      }
      const there = await call(victim.ids)
      const waits = there.error?.code === 'DEADLINE_EXCEEDED'
      if (waits) ms = waitingMs
      const nowhere = await call(absent)
      const what = `${method.name} with ${everywhereOf ?? 'all'} of another tenant`
      for (const message of there.messages) assert.ok(!message.includes(canary) || everywhereOf === 'query', what)
      assert.ok(!refusals.has(there.error?.code ?? '') && there.error?.code !== 'INTERNAL', what)
      // What waits for work was taken in both times, or ends where the other ends.
      if (waits || nowhere.error?.code === 'DEADLINE_EXCEEDED') continue
      assert.deepEqual(told(there.error, victim.ids), told(nowhere.error, absent), what)
      assert.equal(there.messages.length, nowhere.messages.length, what)
    }
  }

  it('has bytes of its own, whoever has the same', async () => {
    const clients = createClients({ address: server.grpc, token: keys['admin of b'] ?? '' })
    const id = victim.ids['artifact_id'] ?? ''
    await assert.rejects(clients.artifacts.getArtifact({ artifactId: id }), { code: 'NOT_FOUND' })
    const own = await clients.artifacts.upload(victim.bytes, { contentType: 'text/x-own', name: 'own.txt' })
    assert.deepEqual([own.id, own.name, own.contentType], [id, 'own.txt', 'text/x-own'])
    const { node, madeInto } = await clients.artifacts.getLineage({ id })
    assert.ok(!JSON.stringify([node, madeInto]).includes(canary))
    clients.close()
  })

  it('finds nobody in the metrics, which take no credential', async () => {
    const text = await (await fetch(`http://${server.metrics}/metrics`)).text()
    assert.match(text, /^rpc_server_call_duration_seconds_count/m)
    for (const said of [canary, 'tenant-a', 'tenant-b', 'intruder', ...Object.values(victim.ids)]) {
      // Short ones are parts of other words.
      assert.ok(said.length < 6 || !text.includes(said), said)
    }
  })

  it('leaves no credential in a log', () => {
    assert.ok(log.includes('CREDENTIAL_INVALID') || log.includes('not valid here'))
    assert.doesNotMatch(log, /hf[ko]_[\w-]/)
    for (const token of [tokens.good, ...Object.values(tokens.forged)]) {
      assert.ok(!log.includes(token.split('.').slice(0, 2).join('.')))
    }
  })

  /** Documents, entries and blobs, without what the process notes for itself. */
  async function everythingOf(tenant: string): Promise<string> {
    const all: string[] = []
    let part = ''
    for await (const line of server.store.export({ tenant })) {
      const { crc: _, ...record } = JSON.parse(line) as Record<string, unknown>
      if (record['type'] === 'collection' || record['type'] === 'log') part = String(record['name'])
      const isSaid = ['document', 'stream', 'entry', 'blob', 'link', 'chunk', 'tombstone'].includes(
        String(record['type']),
      )
      if (isSaid && part !== 'message-indexers') all.push(`${part} ${JSON.stringify(record)}`)
    }
    return all.join('\n')
  }
})

/** An error without what the caller said itself, longest first: one name may be part of another. */
function told(error: HoldfastError | undefined, ids: Victim['ids']): unknown {
  if (error === undefined) return undefined
  const { code, message, reason, metadata, fields } = error
  const text = JSON.stringify({ status: grpcStatusOf(code), message, reason, metadata, fields })
  return Object.values(ids)
    .sort((a, b) => b.length - a.length)
    .reduce((rest, id) => (id === '' ? rest : rest.replaceAll(id, '…')), text)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|dag:[\w.:-]+/g, '(made)')
}
