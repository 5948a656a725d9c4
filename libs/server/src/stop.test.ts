import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { describe, it } from 'node:test'
import type { ServiceError } from '@grpc/grpc-js'
import { errorFromGrpc } from '@holdfast/protocol'
import { EchoClient, all, startEcho } from './echo.test.fixture.js'

const codeOf = (error: unknown): string => errorFromGrpc(error as ServiceError).code
const reasonOf = (error: unknown): string => errorFromGrpc(error as ServiceError).reason

describe('a server that stops', () => {
  it('lets running calls end, refuses new ones as UNAVAILABLE, and reports', async () => {
    const events = new EventEmitter()
    await using server = await startEcho({
      echo: async (text) => {
        events.emit('begun')
        await once(events, 'go on')
        return text
      },
      async *repeat(text) {
        yield text
        await once(events, 'go on')
        yield text
      },
    })
    using client = new EchoClient(server.address)
    const begun = once(events, 'begun')
    const unary = client.echo('unary')
    const stream = client.repeat('stream')
    const streamed = all(stream)
    await Promise.all([begun, once(stream, 'data')])
    const report = server.stop()
    using late = new EchoClient(server.address)
    for (const caller of [client, late]) {
      await assert.rejects(caller.echo('late'), (error) => codeOf(error) === 'UNAVAILABLE')
    }
    events.emit('go on')
    assert.equal(await unary, 'unary')
    assert.deepEqual(await streamed, { texts: ['stream', 'stream'] })
    assert.deepEqual(await report, { drained: 2, aborted: 0 })
    assert.deepEqual(await server.stop(), { drained: 2, aborted: 0 })
  })

  it('tells handlers that it is stopping, so that endless ones can end at once', async () => {
    await using server = await startEcho({
      async *repeat(text, { stopping }) {
        yield text
        await once(stopping, 'abort')
        throw stopping.reason
      },
    })
    using client = new EchoClient(server.address)
    const stream = client.repeat('endless')
    const streamed = all(stream)
    await once(stream, 'data')
    assert.deepEqual(await server.stop(), { drained: 1, aborted: 0 })
    const { error } = await streamed
    assert.equal(codeOf(error), 'UNAVAILABLE')
    assert.equal(reasonOf(error), 'SERVER_STOPPING')
  })

  it('aborts what has not ended within the drain time: streams may go on elsewhere, the outcome of writes is unknown', async () => {
    const begun = new EventEmitter()
    await using server = await startEcho(
      {
        echo: async (_, { signal }) => {
          begun.emit('begun')
          await once(signal, 'abort')
          throw signal.reason
        },
        async *repeat(text, { signal }) {
          yield text
          await once(signal, 'abort')
          throw signal.reason
        },
      },
      { drainMs: 30 },
    )
    using client = new EchoClient(server.address)
    const running = once(begun, 'begun')
    const unary = assert.rejects(client.echo('x'), (error) => {
      assert.equal(codeOf(error), 'UNKNOWN', String(error))
      return reasonOf(error) === 'SERVER_STOPPING'
    })
    const stream = client.repeat('x')
    const streamed = all(stream)
    await Promise.all([running, once(stream, 'data')])
    assert.deepEqual(await server.stop(), { drained: 0, aborted: 2 })
    await unary
    assert.equal(reasonOf((await streamed).error), 'SERVER_STOPPING')
  })

  it('leaves nothing that keeps the process alive', async () => {
    const program = `
      import { startEcho, EchoClient } from ${JSON.stringify(new URL('echo.test.fixture.js', import.meta.url).href)}
      const server = await startEcho({})
      const client = new EchoClient(server.address)
      await client.echo('x')
      await server.stop()
      client[Symbol.dispose]()`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit', timeout: 20_000 })
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })
})

describe('where a server listens', () => {
  it('is told with the port that it got', async () => {
    for (const listen of ['127.0.0.1:0', '[::1]:0', 'localhost:0']) {
      await using server = await startEcho({}, { listen })
      using client = new EchoClient(server.address)
      assert.equal(await client.echo(listen), listen)
      assert.equal(server.address, listen.replace(/0$/, String(server.port)))
    }
  })

  it('is named when the port is in use', async () => {
    await using server = await startEcho({})
    await assert.rejects(startEcho({}, { listen: server.address }), {
      code: 'FAILED_PRECONDITION',
      reason: 'PORT_IN_USE',
      message: new RegExp(`Port ${server.port} is in use`),
    })
  })

  it('is loopback only', async () => {
    for (const listen of ['0.0.0.0:0', '[::]:0', '192.0.2.1:0']) {
      await assert.rejects(startEcho({}, { listen }), { code: 'FAILED_PRECONDITION', reason: 'LISTEN_UNPROTECTED' })
    }
  })
})
