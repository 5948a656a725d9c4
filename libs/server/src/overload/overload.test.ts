import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, it } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import type { ServiceError } from '@grpc/grpc-js'
import type { HoldfastError } from '@holdfast/errors'
import { errorFromGrpc } from '@holdfast/protocol'
import { EchoClient, startEcho } from '../echo.test.fixture.js'
import { LoadGate } from './load-gate.js'

const told = (error: unknown): HoldfastError => errorFromGrpc(error as ServiceError)

describe('a gate for load', () => {
  it('lets calls begin up to its limit, and the others wait in order for a place', async () => {
    const gate = new LoadGate({ maxCalls: 2 })
    assert.deepEqual([gate.enter(), gate.enter()], [undefined, undefined])
    const order: string[] = []
    const waiting = ['first', 'second'].map((name) => Promise.resolve(gate.enter()).then(() => order.push(name)))
    assert.equal(gate.figures.waiting, 2)
    gate.leave()
    gate.leave()
    await Promise.all(waiting)
    assert.deepEqual(order, ['first', 'second'])
    gate.stop()
  })

  it('refuses at once what would make the queue too long, and after a while what waits in it', async () => {
    const gate = new LoadGate({ maxCalls: 1, maxWaiting: 1 })
    void gate.enter()
    const waiting = gate.enter()
    assert.throws(() => gate.enter(), {
      code: 'RESOURCE_EXHAUSTED',
      reason: 'SERVER_OVERLOADED',
      retryAfterMs: 100,
    })
    const refusal = waiting?.catch((error: unknown) => error)
    while (gate.figures.waiting > 0) await after(10)
    await assert.rejects(Promise.reject(await refusal), { code: 'RESOURCE_EXHAUSTED', reason: 'SERVER_OVERLOADED' })
    const { running, waiting: left, refused, isShedding } = gate.figures
    assert.deepEqual({ running, left, refused, isShedding }, { running: 1, left: 0, refused: 2, isShedding: true })
    gate.stop()
  })

  it('serves fewer at once while work stands elsewhere, and more again when it does not', async () => {
    let pressureMs = 1000
    const gate = new LoadGate({ pressureMs: () => pressureMs })
    const { limit } = gate.figures
    void gate.enter()
    while (gate.figures.limit >= limit) await after(10)
    const low = gate.figures.limit
    assert.ok(low >= 8)
    pressureMs = 0
    // It grows only when somebody would have been served but for the limit.
    while (gate.figures.running < gate.figures.limit) {
      void gate.enter()?.catch(() => {})
      await after(0)
    }
    void gate.enter()?.catch(() => {})
    while (gate.figures.limit <= low) await after(10)
    gate.stop()
  })
})

describe('a server with more calls than it can serve', () => {
  it('refuses some with a retry delay, serves the others, and says that it is degraded', async () => {
    const events = new EventEmitter()
    const overload = { maxCalls: 2, maxWaiting: 1 }
    await using server = await startEcho({ echo: (text) => once(events, 'go on').then(() => text) }, { overload })
    using client = new EchoClient(server.address)
    const calls = Array.from({ length: 5 }, (_, index) => client.echo(`${index}`))
    const settled = Promise.allSettled(calls)
    while (server.load.refused < 2) await after(5)
    assert.deepEqual(server.health, {
      isAlive: true,
      isReady: true,
      degraded: ['more calls come than can be served, and some are refused'],
      models: [],
    })
    events.emit('go on')
    while (server.load.waiting > 0) await after(5)
    events.emit('go on')
    const results = await settled
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [told(result.reason)] : []))
    assert.ok(refused.length === 2 || refused.length === 3, `${refused.length} refused`)
    for (const error of refused) {
      assert.deepEqual([error.code, error.reason], ['RESOURCE_EXHAUSTED', 'SERVER_OVERLOADED'])
      assert.ok((error.retryAfterMs ?? 0) >= 100)
    }
    assert.equal(server.load.running, 0)
  })

  it('refuses streams beyond their number', async () => {
    const events = new EventEmitter()
    await using server = await startEcho(
      {
        async *repeat(text) {
          yield text
          await once(events, 'go on')
        },
      },
      { overload: { maxStreams: 1 } },
    )
    using client = new EchoClient(server.address)
    const open = client.repeat('open')
    await once(open, 'data')
    const [error] = await once(client.repeat('refused').resume(), 'error')
    assert.deepEqual([told(error).code, told(error).reason], ['RESOURCE_EXHAUSTED', 'TOO_MANY_STREAMS'])
    events.emit('go on')
    await once(open, 'end')
  })
})

describe('a reader that takes nothing', () => {
  it('is cut off with an error that says to go on behind its cursor', async () => {
    const large = 'x'.repeat(100_000)
    let closed = false
    await using server = await startEcho(
      {
        async *repeat() {
          try {
            for (;;) yield large
          } finally {
            closed = true
          }
        },
      },
      { limits: { slowConsumerMs: 50 } },
    )
    using client = new EchoClient(server.address)
    const stream = client.repeat('x')
    const ended = once(stream, 'error')
    stream.pause()
    while (!closed) await after(10)
    const [error] = await ended
    assert.deepEqual([told(error).code, told(error).reason], ['RESOURCE_EXHAUSTED', 'SLOW_CONSUMER'])
    assert.equal(server.load.streams, 0)
  })
})
