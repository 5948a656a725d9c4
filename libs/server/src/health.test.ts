import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Client, type ClientReadableStream, type ServiceError, credentials, status } from '@grpc/grpc-js'
import { service } from 'grpc-health-check'
import { startEcho } from './echo.test.fixture.js'

interface HealthResponse {
  readonly status: string
}

class HealthClient implements Disposable {
  readonly #client: Client
  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure())
  }

  check(name: string): Promise<HealthResponse> {
    const { path, requestSerialize, responseDeserialize } = service['Check'] ?? assert.fail('no Check')
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service: name }, (error, response) =>
        error ? reject(error) : resolve(response as HealthResponse),
      )
    })
  }

  watch(name: string): ClientReadableStream<object> {
    const { path, requestSerialize, responseDeserialize } = service['Watch'] ?? assert.fail('no Watch')
    return this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: name })
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }
}

describe('grpc.health.v1', () => {
  it('says SERVING for the server and its services, and NOT_FOUND for others', async () => {
    await using server = await startEcho({})
    using client = new HealthClient(server.address)
    assert.deepEqual(await client.check(''), { status: 'SERVING' })
    assert.deepEqual(await client.check('holdfast.test.v1.Echo'), { status: 'SERVING' })
    await assert.rejects(client.check('other'), (error: ServiceError) => error.code === status.NOT_FOUND)
  })

  it('follows the check, and ends as NOT_SERVING when the server stops', async () => {
    let isWell = false
    const health = (): Promise<void> => (isWell ? Promise.resolve() : Promise.reject(new Error('the database is away')))
    await using server = await startEcho({}, { health, healthIntervalMs: 5 })
    using client = new HealthClient(server.address)
    const watch = client.watch('holdfast.test.v1.Echo')
    watch.on('error', () => {})
    const next = async (): Promise<unknown> => (await once(watch, 'data'))[0]
    assert.deepEqual(await next(), { status: 'NOT_SERVING' })
    isWell = true
    assert.deepEqual(await next(), { status: 'SERVING' })
    isWell = false
    assert.deepEqual(await next(), { status: 'NOT_SERVING' })
    isWell = true
    assert.deepEqual(await next(), { status: 'SERVING' })
    const last = next()
    await server.stop()
    assert.deepEqual(await last, { status: 'NOT_SERVING' })
    // grpc-js leaves the connection of an endless call open for 30 s.
    watch.cancel()
  })

  it('tells of a service that does not work by itself, and that the server is degraded', async () => {
    let isThere = false
    const own = (): Promise<void> => (isThere ? Promise.resolve() : Promise.reject(new Error('its model is missing')))
    const serviceHealth = { 'holdfast.test.v1.Echo': own }
    await using server = await startEcho({}, { serviceHealth, healthIntervalMs: 5 })
    using client = new HealthClient(server.address)
    assert.deepEqual(await client.check(''), { status: 'SERVING' })
    assert.deepEqual(await client.check('holdfast.test.v1.Echo'), { status: 'NOT_SERVING' })
    assert.deepEqual(server.health.degraded, ['holdfast.test.v1.Echo: Its health check failed: its model is missing'])
    isThere = true
    const watch = client.watch('holdfast.test.v1.Echo')
    watch.on('error', () => {})
    let told: unknown
    while ((told as HealthResponse | undefined)?.status !== 'SERVING') told = (await once(watch, 'data'))[0]
    assert.deepEqual(server.health.degraded, [])
    watch.cancel()
  })

  it('says NOT_SERVING while a check hangs', async () => {
    await using server = await startEcho({}, { health: () => new Promise(() => {}), healthTimeoutMs: 10 })
    using client = new HealthClient(server.address)
    assert.deepEqual(await client.check(''), { status: 'NOT_SERVING' })
  })

  it('keeps nothing of checks that are over', async (t) => {
    // What Node 20 keeps of it for as long as one of the signals lives, which here is as long as the process.
    const any = t.mock.method(AbortSignal, 'any')
    let checks = 0
    const health = async (): Promise<void> => void (checks += 1)
    await using _ = await startEcho({}, { health, healthIntervalMs: 1 })
    while (checks < 5) await setTimeout(1)
    assert.equal(any.mock.callCount(), 0)
  })
})
