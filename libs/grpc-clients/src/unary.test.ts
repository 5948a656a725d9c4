import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ServerCredentials } from '@grpc/grpc-js'
import { type ErrorCode, HoldfastError, invalidField } from '@holdfast/errors'
import { startRelay } from '@holdfast/test-servers'
import { serviceError, startChatServer } from './chat-server-for-tests.js'
import { createClients } from './clients.js'

function fails(code: ErrorCode, reason?: string) {
  return (error: unknown): true => {
    assert.ok(error instanceof HoldfastError, String(error))
    assert.equal(error.code, code, error.message)
    if (reason !== undefined) assert.equal(error.reason, reason)
    return true
  }
}

test('calls with what has no default, and answers what the server answers', async () => {
  await using server = await startChatServer({
    createConversation: ({ request }, answer) =>
      answer(null, { conversation: { ...emptyConversation, id: request.conversationId, metadata: request.metadata } }),
  })
  await using clients = createClients({ address: server.address })
  const metadata = new Map([['__proto__', 'x']])
  const { conversation } = await clients.chat.createConversation({ conversationId: 'c1', metadata })
  assert.equal(conversation?.id, 'c1')
  assert.deepEqual(conversation?.metadata, metadata)
})

test('throws the error that the server threw, with reason, fields and metadata', async () => {
  const thrown = invalidField('parts[0].text', 'is too long', { reason: 'TOO_LONG', metadata: { limit: '7' } })
  await using server = await startChatServer({ sendMessage: (_, answer) => answer(serviceError(thrown)) })
  await using clients = createClients({ address: server.address })
  await assert.rejects(clients.chat.sendMessage({}), (error: HoldfastError) => {
    fails('INVALID_ARGUMENT', 'TOO_LONG')(error)
    assert.deepEqual(error.fields, thrown.fields)
    assert.deepEqual(error.metadata, thrown.metadata)
    assert.equal(error.message, thrown.message)
    return true
  })
})

test('repeats a keyed write whose connection was cut, with one and the same generated key', async () => {
  await using relay = await startRelay(undefined)
  const keys: string[] = []
  await using server = await startChatServer({
    sendMessage: ({ request }, answer) => {
      keys.push(request.key)
      if (keys.length < 3) relay.cut()
      else answer(null, { message: undefined })
    },
  })
  relay.aim(server.port)
  await using clients = createClients({ address: relay.address })
  await clients.chat.sendMessage({ conversationId: 'c', parts: [{ content: { $case: 'text', value: 'hi' } }] })
  assert.equal(keys.length, 3)
  assert.match(keys[0] ?? '', /^[0-9a-f-]{36}$/)
  assert.equal(new Set(keys).size, 1)
})

test('keeps the caller’s key and gives none where an id does the same', async () => {
  const seen: [string, string][] = []
  await using server = await startChatServer({
    sendMessage: ({ request }, answer) => {
      seen.push(['send', request.key])
      answer(null, { message: undefined })
    },
    createConversation: ({ request }, answer) => {
      seen.push([request.conversationId, request.key])
      answer(null, { conversation: undefined })
    },
  })
  await using clients = createClients({ address: server.address })
  await clients.chat.sendMessage({ key: 'mine' })
  await clients.chat.createConversation({ conversationId: 'c1' })
  await clients.chat.createConversation({})
  assert.deepEqual(seen.slice(0, 2), [
    ['send', 'mine'],
    ['c1', ''],
  ])
  assert.notEqual(seen[2]?.[1], '')
})

test('does not repeat an update whose connection was cut: UNKNOWN', async () => {
  await using relay = await startRelay(undefined)
  let calls = 0
  await using server = await startChatServer({
    patchState: () => {
      calls += 1
      relay.cut()
    },
  })
  relay.aim(server.port)
  await using clients = createClients({ address: relay.address })
  await assert.rejects(clients.chat.patchState({ conversationId: 'c' }), fails('UNKNOWN', 'OUTCOME_UNKNOWN'))
  assert.equal(calls, 1)
})

test('repeats any call that the server refused with UNAVAILABLE', async () => {
  let calls = 0
  await using server = await startChatServer({
    patchState: (_, answer) => {
      calls += 1
      if (calls < 3) answer(serviceError(new HoldfastError('UNAVAILABLE', 'The database is away')))
      else answer(null, { stateJson: '{}', version: calls })
    },
  })
  await using clients = createClients({ address: server.address })
  assert.equal((await clients.chat.patchState({})).version, 3)
})

test('waits as RetryInfo says before it repeats RESOURCE_EXHAUSTED, and does not repeat it without', async () => {
  const at: number[] = []
  await using server = await startChatServer({
    getState: (_, answer) => {
      at.push(performance.now())
      if (at.length > 1) return answer(null, { stateJson: '{}', version: 0 })
      return answer(serviceError(new HoldfastError('RESOURCE_EXHAUSTED', 'Too many calls', { retryAfterMs: 150 })))
    },
    getConversation: (_, answer) => answer(serviceError(new HoldfastError('RESOURCE_EXHAUSTED', 'Too large'))),
  })
  await using clients = createClients({ address: server.address })
  await clients.chat.getState({})
  assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 149)
  await assert.rejects(clients.chat.getConversation({}), fails('RESOURCE_EXHAUSTED'))
})

test('does not repeat what the server answered', async () => {
  let calls = 0
  await using server = await startChatServer({
    getState: (_, answer) => {
      calls += 1
      answer(serviceError(new HoldfastError('NOT_FOUND', 'There is no conversation c')))
    },
  })
  await using clients = createClients({ address: server.address })
  await assert.rejects(clients.chat.getState({}), fails('NOT_FOUND'))
  assert.equal(calls, 1)
})

test('ends a call that gets no answer with DEADLINE_EXCEEDED, the server’s side too', async () => {
  let stopped: Promise<unknown> | undefined
  await using server = await startChatServer({
    getState: (call) => {
      stopped = once(call, 'cancelled')
    },
  })
  await using clients = createClients({ address: server.address })
  await assert.rejects(clients.chat.getState({}, { deadlineMs: 200 }), fails('DEADLINE_EXCEEDED'))
  await stopped
})

test('ends with CANCELLED when the caller aborts, the server’s side too', async () => {
  const abort = new AbortController()
  let stopped: Promise<unknown> | undefined
  await using server = await startChatServer({
    getState: (call) => {
      stopped = once(call, 'cancelled')
      abort.abort()
    },
  })
  await using clients = createClients({ address: server.address })
  await assert.rejects(clients.chat.getState({}, { signal: abort.signal }), fails('CANCELLED'))
  await stopped
  await assert.rejects(clients.chat.getState({}, { signal: abort.signal }), fails('CANCELLED'))
})

test('says UNAVAILABLE where nobody listens, after the attempts that it was given', async () => {
  await using relay = await startRelay(undefined)
  await using clients = createClients({ address: relay.address, maxAttempts: 2 })
  await assert.rejects(clients.chat.getState({}), fails('UNAVAILABLE'))
})

test('bridges a restart of the server', async () => {
  const answer = { stateJson: '{}', version: 1 }
  const first = await startChatServer({ getState: (_, reply) => reply(null, answer) })
  await using clients = createClients({ address: first.address })
  await clients.chat.getState({})
  await first[Symbol.asyncDispose]()
  const waiting = clients.chat.getState({})
  await using _second = await startChatServer({ getState: (_, reply) => reply(null, answer) }, { port: first.port })
  assert.equal((await waiting).version, 1)
})

test('goes round all addresses that answer', async () => {
  const counts = [0, 0]
  const serve = (index: 0 | 1) =>
    startChatServer({
      getState: (_, answer) => {
        counts[index] = (counts[index] ?? 0) + 1
        answer(null, { stateJson: '{}', version: 0 })
      },
    })
  await using relay = await startRelay(undefined)
  await using a = await serve(0)
  await using b = await serve(1)
  await using clients = createClients({ address: [a.address, relay.address, b.address] })
  // Both connections stand once both have answered.
  while (counts.includes(0)) await clients.chat.getState({})
  counts.fill(0)
  for (let call = 0; call < 10; call += 1) await clients.chat.getState({})
  assert.deepEqual(counts, [5, 5])
})

test('tells the health of each address', async () => {
  await using relay = await startRelay(undefined)
  await using server = await startChatServer({})
  await using clients = createClients({ address: `${server.address}, ${relay.address}` })
  const [up, down] = await clients.health()
  // This server has no health service: it answers, with UNIMPLEMENTED.
  assert.equal(up?.status, 'unreachable')
  assert.equal(up?.error?.code, 'UNIMPLEMENTED')
  assert.equal(down?.status, 'unreachable')
  assert.equal(down?.error?.code, 'UNAVAILABLE')
  assert.equal(down?.address, relay.address)
})

test('close ends calls under way with CANCELLED and refuses later ones', async () => {
  const calls = new EventEmitter()
  const underWay = once(calls, 'arrived')
  await using server = await startChatServer({ getState: () => void calls.emit('arrived') })
  const clients = createClients({ address: server.address })
  const rejected = assert.rejects(clients.chat.getState({}), fails('CANCELLED'))
  await underWay
  clients.close()
  clients.close()
  await rejected
  await assert.rejects(clients.chat.getState({}), fails('CANCELLED', 'CLIENT_CLOSED'))
})

test('refuses half of a surrogate pair, naming the field, instead of sending U+FFFD', async () => {
  await using server = await startChatServer({ sendMessage: (_, answer) => answer(null, { message: undefined }) })
  await using clients = createClients({ address: server.address })
  const send = (value: string) => clients.chat.sendMessage({ parts: [{ content: { $case: 'text', value } }] })
  await assert.rejects(send('\ud83d'), (error: HoldfastError) => {
    fails('INVALID_ARGUMENT')(error)
    assert.equal(error.fields[0]?.field, 'parts[0].content.value')
    return true
  })
  await send('\ufffd and \u{1f600} and \u0000')
})

test('refuses a number that the wire cannot carry with INVALID_ARGUMENT', async () => {
  await using server = await startChatServer({})
  await using clients = createClients({ address: server.address })
  await assert.rejects(clients.chat.getMessages({ afterSeq: 1.5 }), fails('INVALID_ARGUMENT'))
})

test('sends its token to loopback, and elsewhere only over TLS', async () => {
  await using server = await startChatServer({
    getState: ({ metadata }, answer) => {
      const [authorization] = metadata.get('authorization')
      answer(null, { stateJson: JSON.stringify(authorization), version: 0 })
    },
  })
  await using clients = createClients({ address: server.address, token: 's3cret' })
  assert.equal((await clients.chat.getState({})).stateJson, '"Bearer s3cret"')
  for (const address of ['10.0.0.1:7', 'localhost.example.org:7', 'dns:///127.0.0.1.example.org:7']) {
    assert.throws(() => createClients({ address, token: 's3cret' }), fails('INVALID_ARGUMENT'))
  }
  createClients({ address: '10.0.0.1:7', token: 's3cret', tls: true }).close()
  for (const address of ['localhost:7', '[::1]:7', '127.0.0.1:7', 'unix:/tmp/socket']) {
    createClients({ address, token: 's3cret' }).close()
  }
})

test('refuses options that make no sense, naming them', () => {
  for (const [options, field] of [
    [{ address: '' }, 'address'],
    [{ address: [] }, 'address'],
    [{ address: 'http://localhost:7' }, 'address'],
    [{ address: 'localhost:7', deadlineMs: 0 }, 'deadlineMs'],
    [{ address: 'localhost:7', maxAttempts: Number.NaN }, 'maxAttempts'],
  ] as const) {
    assert.throws(
      () => createClients(options),
      (error: HoldfastError) => error.code === 'INVALID_ARGUMENT' && error.fields[0]?.field === field,
    )
  }
})

test('talks TLS and verifies the server’s name', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-tls-'))
  try {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    try {
      await promisify(execFile)('openssl', [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '1',
        '-subj',
        '/CN=chat.test',
        '-addext',
        'subjectAltName=DNS:chat.test',
        '-keyout',
        key,
        '-out',
        certificate,
      ])
    } catch {
      context.skip('openssl is not installed')
      return
    }
    const ca = await readFile(certificate)
    const credentials = ServerCredentials.createSsl(null, [{ cert_chain: ca, private_key: await readFile(key) }])
    await using server = await startChatServer(
      { getState: (_, answer) => answer(null, { stateJson: '{}', version: 4 }) },
      { credentials },
    )
    await using right = createClients({ address: server.address, tls: { ca, serverName: 'chat.test' } })
    assert.equal((await right.chat.getState({})).version, 4)
    await using wrong = createClients({ address: server.address, tls: { ca }, maxAttempts: 1 })
    await assert.rejects(wrong.chat.getState({}), fails('UNAVAILABLE'))
  } finally {
    await rm(folder, { recursive: true })
  }
})

const emptyConversation = {
  id: '',
  userId: '',
  title: '',
  metadata: new Map<string, string>(),
  version: 1,
  createTime: undefined,
  updateTime: undefined,
  lastActivityTime: undefined,
  lastSeq: 0,
  parent: undefined,
  activeReplyId: '',
  tags: [],
}
