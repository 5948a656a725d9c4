import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { describe, it } from 'node:test'
import { type ServiceError, status } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import { errorFromGrpc } from '@holdfast/protocol'
import { EchoClient, all, startEcho } from './echo.test.fixture.js'
import { createMetrics } from './metrics.js'

async function failure(call: Promise<unknown>): Promise<HoldfastError> {
  return errorFromGrpc(
    await call.then(
      () => assert.fail('the call succeeded'),
      (error: ServiceError) => error,
    ),
  )
}

const numbers = Array.from({ length: 500 }, (_, index) => `${index},`)

describe('a stream of requests', () => {
  it('comes in order and whole, and is answered once', async () => {
    await using server = await startEcho({})
    using client = new EchoClient(server.address)
    const { call, answer } = client.join()
    for (const text of numbers) call.write(text)
    call.end()
    assert.equal(await answer, numbers.join(''))
  })

  it('may be empty', async () => {
    await using server = await startEcho({})
    using client = new EchoClient(server.address)
    const { call, answer } = client.join()
    call.end()
    assert.equal(await answer, '')
    const talk = client.talk()
    talk.end()
    assert.deepEqual(await all(talk), { texts: [] })
  })

  it('goes both ways at once: a response can come before the next request', async () => {
    await using server = await startEcho({})
    using client = new EchoClient(server.address)
    const talk = client.talk()
    for (const text of ['a', 'b', 'c']) {
      const response = once(talk, 'data')
      talk.write(text)
      assert.deepEqual(await response, [text])
    }
    talk.end()
    await once(talk, 'end')
  })

  it('is read no faster than the handler reads, one message ahead', async () => {
    const events = new EventEmitter()
    let taken = 0
    await using server = await startEcho({
      async join(texts) {
        for await (const text of texts) {
          taken += text.length > 0 ? 1 : 0
          if (taken === 1) await once(events, 'go on')
        }
        return String(taken)
      },
    })
    using client = new EchoClient(server.address)
    const { call, answer } = client.join()
    const chunk = 'x'.repeat(100_000)
    let sent = 0
    for (let index = 0; index < 100; index++) call.write(chunk, () => sent++)
    call.end()
    for (let calls = 0; calls < 50; calls++) await client.echo('others go through meanwhile')
    assert.equal(taken, 1)
    assert.ok(sent < 20, `${sent} of 100 left the caller with nobody reading`)
    events.emit('go on')
    assert.equal(await answer, '100')
  })

  it('may be answered before it has ended, and the connection goes on', async () => {
    await using server = await startEcho({
      async join(texts) {
        for await (const text of texts) return `${text} is enough`
        return 'nothing'
      },
      async *talk(texts) {
        for await (const text of texts) {
          yield text
          if (text === 'bad') throw new HoldfastError('OUT_OF_RANGE', 'Too much', { reason: 'END' })
          if (text === 'last') return
        }
      },
    })
    using client = new EchoClient(server.address)
    const { call, answer } = client.join()
    call.write('a')
    call.write('b')
    assert.equal(await answer, 'a is enough')
    const last = client.talk()
    last.write('first')
    last.write('last')
    assert.deepEqual(await all(last), { texts: ['first', 'last'] })
    const bad = client.talk()
    bad.write('bad')
    const { texts, error } = await all(bad)
    assert.deepEqual(texts, ['bad'])
    assert.equal(errorFromGrpc(error ?? {}).reason, 'END')
    assert.equal(await client.echo('still there'), 'still there')
  })

  it('ends its handler when the caller cancels or the deadline passes, also one that waits for a request', async () => {
    const events = new EventEmitter()
    await using server = await startEcho({
      async join(texts, { signal }) {
        try {
          for await (const text of texts) events.emit('taken', text)
          if (!signal.aborted) await once(signal, 'abort')
          throw signal.reason
        } catch (error) {
          events.emit('over', error instanceof HoldfastError ? error.code : String(error))
          throw error
        }
      },
    })
    using client = new EchoClient(server.address)
    const cancelled = client.join()
    const outcome = failure(cancelled.answer)
    const [taken, over] = [once(events, 'taken'), once(events, 'over')]
    cancelled.call.write('a')
    await taken
    cancelled.call.cancel()
    assert.equal((await outcome).code, 'CANCELLED')
    assert.deepEqual(await over, ['CANCELLED'])
    const end = once(events, 'over')
    const late = client.join({ deadline: Date.now() + 150 })
    late.call.write('a')
    assert.equal((await failure(late.answer)).code, 'DEADLINE_EXCEEDED')
    // The caller's clock begins before the server's, so its cancellation may be the first to arrive.
    const [why] = (await end) as [string]
    assert.ok(['DEADLINE_EXCEEDED', 'CANCELLED'].includes(why), why)
  })

  it('never seems to have ended when the caller was killed', async () => {
    const events = new EventEmitter()
    await using server = await startEcho({
      async join(texts) {
        try {
          for await (const text of texts) events.emit('taken', text)
          events.emit('over', 'ended')
          return ''
        } catch (error) {
          events.emit('over', error instanceof HoldfastError ? error.code : String(error))
          throw error
        }
      },
    })
    const program = `
      import { EchoClient } from ${JSON.stringify(new URL('echo.test.fixture.js', import.meta.url).href)}
      new EchoClient(${JSON.stringify(server.address)}).join().call.write('a')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit', timeout: 20_000 })
    await once(events, 'taken')
    const over = once(events, 'over')
    child.kill('SIGKILL')
    assert.deepEqual(await over, ['CANCELLED'])
  })

  it('is refused as the caller’s fault at the message that cannot be decoded', async () => {
    let taken = 0
    await using server = await startEcho({
      async *talk(texts) {
        for await (const text of texts) {
          taken++
          yield text
        }
      },
    })
    using client = new EchoClient(server.address)
    const talk = client.talk()
    for (const text of ['good', 'undecodable', 'good']) talk.write(text)
    const { texts, error } = await all(talk)
    assert.deepEqual(texts, ['good'])
    assert.equal(taken, 1)
    assert.equal(errorFromGrpc(error ?? {}).reason, 'REQUEST_UNDECODABLE')
  })

  it('is refused at a message that is larger than the server takes', async () => {
    let ended = 'not'
    await using server = await startEcho(
      {
        async join(texts) {
          try {
            for await (const text of texts) assert.equal(text, 'small')
            return ''
          } finally {
            ended = 'ended'
          }
        },
      },
      { limits: { maxMessageBytes: 5000 } },
    )
    using client = new EchoClient(server.address)
    const { call, answer } = client.join()
    call.write('small')
    call.write('x'.repeat(5001))
    assert.equal((await failure(answer)).code, 'RESOURCE_EXHAUSTED')
    await client.echo('a round trip, so that the server has seen the end')
    assert.equal(ended, 'ended')
  })

  it('has no default deadline, and its call is counted', async () => {
    const metrics = createMetrics()
    await using server = await startEcho({}, { limits: { defaultDeadlineMs: 30 }, metrics })
    using client = new EchoClient(server.address)
    const { call, answer } = client.join()
    call.write('a')
    assert.equal((await failure(client.echo('x'.repeat(10), { deadline: Date.now() - 1 }))).code, 'DEADLINE_EXCEEDED')
    await new Promise((resolve) => setTimeout(resolve, 60))
    call.end('b')
    assert.equal(await answer, 'ab')
    const labels = 'rpc_system_name="grpc",rpc_method="holdfast.test.v1.Echo/Join",rpc_response_status_code="OK"'
    assert.ok((await metrics.text()).includes(`rpc_server_call_duration_seconds_count{${labels}} 1`))
  })
})

describe('a server that stops while requests stream', () => {
  it('lets the caller finish', async () => {
    const events = new EventEmitter()
    await using server = await startEcho({
      async *talk(texts) {
        for await (const text of texts) {
          events.emit('taken')
          yield text
        }
      },
    })
    using client = new EchoClient(server.address)
    const talk = client.talk()
    const streamed = all(talk)
    const taken = once(events, 'taken')
    talk.write('a')
    await taken
    const report = server.stop()
    talk.write('b')
    talk.end()
    assert.deepEqual(await streamed, { texts: ['a', 'b'] })
    assert.deepEqual(await report, { drained: 1, aborted: 0 })
  })

  it('aborts what has not ended within the drain time; what it had written, nobody knows', async () => {
    const events = new EventEmitter()
    const reading = async function* (texts: AsyncIterable<string>): AsyncGenerator<string> {
      for await (const text of texts) {
        events.emit('taken')
        yield text
      }
    }
    await using server = await startEcho(
      {
        async join(texts) {
          for await (const text of reading(texts)) assert.equal(text, 'a')
          return ''
        },
        talk: reading,
      },
      { drainMs: 30 },
    )
    using client = new EchoClient(server.address)
    const { call, answer } = client.join()
    const joined = failure(answer)
    const first = once(events, 'taken')
    call.write('a')
    await first
    const talk = client.talk()
    const streamed = all(talk)
    const second = once(events, 'taken')
    talk.write('a')
    await second
    assert.deepEqual(await server.stop(), { drained: 0, aborted: 2 })
    for (const error of [await joined, errorFromGrpc((await streamed).error ?? {})]) {
      assert.equal(error.code, 'UNKNOWN')
      assert.equal(error.reason, 'SERVER_STOPPING')
    }
    assert.notEqual((await streamed).error?.code, status.OK)
  })
})
