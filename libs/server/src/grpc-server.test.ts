import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { connect, type Settings } from 'node:http2'
import { describe, it } from 'node:test'
import { type ServiceError, status } from '@grpc/grpc-js'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { errorFromGrpc } from '@holdfast/protocol'
import type { CallContext } from './call-context.js'
import { EchoClient, all, startEcho } from './echo.test.fixture.js'
import { createLogger } from './logs.js'
import { createMetrics } from './metrics.js'

async function failure(call: Promise<unknown>): Promise<HoldfastError> {
  return errorFromGrpc(
    await call.then(
      () => assert.fail('the call succeeded'),
      (error: ServiceError) => error,
    ),
  )
}

const aborted = (signal: AbortSignal): Promise<unknown> =>
  signal.aborted ? Promise.resolve(signal.reason) : once(signal, 'abort').then(() => signal.reason as unknown)

describe('a unary call', () => {
  it('is answered, with headers and deadline known to the handler', async () => {
    let context: CallContext | undefined
    await using server = await startEcho({
      echo: async (text, given) => {
        context = given
        return `${text}!`
      },
    })
    using client = new EchoClient(server.address)
    const deadline = Date.now() + 20_000
    assert.equal(await client.echo('hi', { deadline }), 'hi!')
    assert.equal(context?.method, 'holdfast.test.v1.Echo/Echo')
    assert.ok(Math.abs(context.deadline - deadline) < 1000)
    assert.deepEqual(context.caller, { tenant: 'default', role: 'admin', credential: '' })
    assert.match(String(context.metadata.get('user-agent')[0]), /grpc/)
  })

  it('brings an error with its reason, fields, metadata and retry delay', async () => {
    await using server = await startEcho({
      echo: (text) =>
        text === 'field'
          ? Promise.reject(invalidField('parts[0].text', 'is empty', { reason: 'EMPTY_TEXT' }))
          : Promise.reject(
              new HoldfastError('ABORTED', 'Version 3, not 2', { metadata: { version: '3' }, retryAfterMs: 20 }),
            ),
    })
    using client = new EchoClient(server.address)
    const field = await failure(client.echo('field'))
    assert.equal(field.code, 'INVALID_ARGUMENT')
    assert.equal(field.reason, 'EMPTY_TEXT')
    assert.deepEqual(field.fields, [{ field: 'parts[0].text', description: 'is empty' }])
    const stale = await failure(client.echo('version'))
    assert.equal(stale.code, 'ABORTED')
    assert.equal(stale.message, 'Version 3, not 2')
    assert.deepEqual(Object.keys(stale.metadata).toSorted(), ['requestId', 'version'])
    assert.equal(stale.metadata['version'], '3')
    assert.equal(stale.retryAfterMs, 20)
  })

  it('hides what nobody foresaw behind an id that the log has too', async () => {
    let log = ''
    const logger = createLogger({ destination: { write: (line) => void (log += line) } })
    const thrown = (): never => {
      throw new TypeError('password of the database is x')
    }
    await using server = await startEcho({ echo: thrown, repeat: thrown }, { logger })
    using client = new EchoClient(server.address)
    const unary = await failure(client.echo('x'))
    const { error } = await all(client.repeat('x'))
    for (const told of [unary, errorFromGrpc(error ?? {})]) {
      assert.equal(told.code, 'INTERNAL')
      assert.ok(!told.message.includes('password') && !/\.[jt]s:\d/.test(told.message))
      const errorId = told.metadata['errorId'] ?? 'none'
      assert.ok(told.message.includes(errorId))
      assert.ok(log.includes(errorId) && log.includes('password of the database'))
    }
  })

  it('is refused as the caller’s fault when its bytes cannot be decoded', async () => {
    await using server = await startEcho({})
    using client = new EchoClient(server.address)
    const error = await failure(client.echo('undecodable'))
    assert.equal(error.code, 'INVALID_ARGUMENT')
    assert.equal(error.reason, 'REQUEST_UNDECODABLE')
  })

  it('is refused when it is larger than the server takes, in both directions, and the connection goes on', async () => {
    await using server = await startEcho(
      { echo: async (text) => text.repeat(10) },
      { limits: { maxMessageBytes: 5000 } },
    )
    using client = new EchoClient(server.address)
    assert.equal((await failure(client.echo('x'.repeat(5001)))).code, 'RESOURCE_EXHAUSTED')
    assert.equal((await failure(client.echo('x'.repeat(501)))).code, 'RESOURCE_EXHAUSTED')
    assert.equal((await client.echo('x'.repeat(500))).length, 5000)
  })

  it('takes messages up to the limit of 20 MiB', async () => {
    await using server = await startEcho({ echo: async (text) => String(text.length) })
    using client = new EchoClient(server.address)
    assert.equal(await client.echo('x'.repeat(20 * 1024 * 1024)), String(20 * 1024 * 1024))
  })

  it('is not begun when its deadline has passed', async () => {
    let calls = 0
    await using server = await startEcho({
      echo: async (text) => {
        calls++
        return text
      },
    })
    using client = new EchoClient(server.address)
    await client.echo('connected')
    assert.equal((await failure(client.echo('x', { deadline: Date.now() - 1000 }))).code, 'DEADLINE_EXCEEDED')
    assert.equal(calls, 1)
  })

  it('aborts its handler when the deadline passes or the caller cancels', async () => {
    const begun = new EventEmitter()
    const reasons: Promise<unknown>[] = []
    await using server = await startEcho({
      echo: async (_, { signal }) => {
        const reason = aborted(signal)
        reasons.push(reason)
        begun.emit('begun')
        throw await reason
      },
    })
    using client = new EchoClient(server.address)
    assert.equal((await failure(client.echo('x', { deadline: Date.now() + 100 }))).code, 'DEADLINE_EXCEEDED')
    const second = once(begun, 'begun')
    const cancelled = failure(client.echo('x', {}, (call) => void second.then(() => call.cancel())))
    assert.equal((await cancelled).code, 'CANCELLED')
    const codes = (await Promise.all(reasons)).map((reason) => reason instanceof HoldfastError && reason.code)
    // The caller's clock begins before the server's, so its cancellation may be the first to arrive.
    assert.ok(['DEADLINE_EXCEEDED', 'CANCELLED'].includes(String(codes[0])), String(codes[0]))
    assert.equal(codes[1], 'CANCELLED')
  })

  it('without a deadline gets the default one', async () => {
    await using server = await startEcho(
      { echo: (_, { signal }) => aborted(signal).then(() => 'too late') },
      { limits: { defaultDeadlineMs: 50 } },
    )
    using client = new EchoClient(server.address)
    const error = await failure(client.echo('x'))
    assert.equal(error.code, 'DEADLINE_EXCEEDED')
    assert.match(error.message, /Echo\/Echo did not finish within its deadline/)
  })

  it('to a method that nobody serves is UNIMPLEMENTED', async () => {
    await using server = await startEcho({})
    using client = new EchoClient(server.address)
    const call = new Promise((resolve, reject) => {
      const same = (bytes: Buffer): Buffer => bytes
      client.client.makeUnaryRequest('/holdfast.test.v1.Echo/No', same, same, Buffer.alloc(0), (error) =>
        error ? reject(error) : resolve(undefined),
      )
    })
    assert.equal((await failure(call)).code, 'UNIMPLEMENTED')
  })

  it('is counted by method and code, and told to the log with what the handler knows of it', async () => {
    let log = ''
    const metrics = createMetrics()
    const logger = createLogger({ level: 'debug', destination: { write: (line) => void (log += line) } })
    await using server = await startEcho(
      {
        echo: async (text, context) => {
          context.annotate({ conversationId: text })
          if (text === 'none') throw new HoldfastError('NOT_FOUND', 'There is no such thing')
          if (text === 'away') throw new HoldfastError('UNAVAILABLE', 'The database is away')
          return text
        },
      },
      { metrics, logger },
    )
    using client = new EchoClient(server.address)
    await client.echo('c-1')
    await failure(client.echo('none'))
    await failure(client.echo('away'))
    const text = await metrics.text()
    for (const code of ['OK', 'NOT_FOUND', 'UNAVAILABLE']) {
      const labels = `rpc_system_name="grpc",rpc_method="holdfast.test.v1.Echo/Echo",rpc_response_status_code="${code}"`
      assert.ok(text.includes(`rpc_server_call_duration_seconds_count{${labels}} 1`), code)
    }
    assert.match(text, /^rpc_server_calls_in_progress 0$/m)
    const entries = log
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const told = entries.map(({ level, method, code, conversationId }) => ({ level, method, code, conversationId }))
    const method = 'holdfast.test.v1.Echo/Echo'
    assert.deepEqual(told, [
      { level: 'debug', method, code: 'OK', conversationId: 'c-1' },
      { level: 'info', method, code: 'NOT_FOUND', conversationId: 'none' },
      { level: 'warn', method, code: 'UNAVAILABLE', conversationId: 'away' },
    ])
    for (const { durationMs } of entries) assert.equal(typeof durationMs, 'number')
  })
})

describe('a connection', () => {
  it('is told how many calls it may have open, which is all that the server lets in', async () => {
    await using server = await startEcho({}, { overload: { maxCalls: 10, maxWaiting: 20, maxStreams: 30 } })
    const session = connect(`http://${server.address}`)
    const [settings] = (await once(session, 'remoteSettings')) as [Settings]
    session.close()
    assert.equal(settings.maxConcurrentStreams, 60)
  })
})

describe('a stream', () => {
  it('brings everything in order and then its error', async () => {
    await using server = await startEcho({
      async *repeat(text) {
        for (let index = 0; index < 1000; index++) yield `${text}${index}`
        if (text === 'bad') throw new HoldfastError('OUT_OF_RANGE', 'It ends here', { reason: 'END' })
      },
    })
    using client = new EchoClient(server.address)
    const good = await all(client.repeat('a'))
    assert.equal(good.error, undefined)
    assert.deepEqual(
      good.texts,
      Array.from({ length: 1000 }, (_, index) => `a${index}`),
    )
    const bad = await all(client.repeat('bad'))
    assert.equal(bad.texts.length, 1000)
    assert.equal(errorFromGrpc(bad.error ?? {}).reason, 'END')
  })

  it('is read no faster than the caller reads', async () => {
    let made = 0
    await using server = await startEcho({
      async *repeat(text) {
        for (let index = 0; index < 400; index++) {
          made++
          yield text
        }
      },
    })
    using client = new EchoClient(server.address)
    const stream = client.repeat('x'.repeat(100_000))
    stream.pause()
    await client.echo('the stream fills up while this and the next calls go through')
    for (let calls = 0; calls < 50; calls++) await client.echo('x')
    assert.ok(made < 200, `${made} of 400 were made with nobody reading`)
    assert.equal((await all(stream.resume())).texts.length, 400)
    assert.equal(made, 400)
  })

  it('ends its handler when the caller cancels, also one that waits for the caller to read', async () => {
    const events: string[] = []
    let closed = (): void => {}
    await using server = await startEcho({
      async *repeat(text, { signal }) {
        signal.addEventListener('abort', () => events.push((signal.reason as HoldfastError).code))
        try {
          yield 'first'
          if (text === 'idle') throw await aborted(signal)
          while (true) yield 'x'.repeat(100_000)
        } finally {
          events.push('closed')
          closed()
        }
      },
    })
    using client = new EchoClient(server.address)
    for (const text of ['idle', 'flood']) {
      const end = new Promise<void>((resolve) => (closed = resolve))
      const stream = client.repeat(text)
      const error = once(stream, 'error')
      await once(stream, 'data')
      stream.pause()
      stream.cancel()
      assert.equal(((await error)[0] as ServiceError).code, status.CANCELLED)
      await end
    }
    assert.deepEqual(events, ['CANCELLED', 'closed', 'CANCELLED', 'closed'])
  })

  it('ends with DEADLINE_EXCEEDED when its deadline passes', async () => {
    let reason: unknown
    await using server = await startEcho({
      async *repeat(_, { signal }) {
        yield 'first'
        reason = await aborted(signal)
        throw reason
      },
    })
    using client = new EchoClient(server.address)
    const { texts, error } = await all(client.repeat('x', { deadline: Date.now() + 150 }))
    assert.deepEqual(texts, ['first'])
    assert.equal(error?.code, status.DEADLINE_EXCEEDED)
  })
})
