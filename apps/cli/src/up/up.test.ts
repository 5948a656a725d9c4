import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { createClients } from '@holdfast/grpc-clients'
import { startPacedModel } from '@holdfast/test-servers'
import { conversationsOverGrpc } from '../access/over-grpc.js'
import { CliProcess, runCli } from '../cli-process.js'

const anyPorts = ['--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0']

let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-up-'))
})

after(() => rm(folder, { recursive: true, force: true }))

interface Ready {
  readonly ready: true
  readonly grpc: string
  readonly metrics: string | null
  readonly data: string
}

async function readyLine(server: CliProcess): Promise<Ready> {
  return JSON.parse(await server.firstLine())
}

test('keeps everything over kill -9, and is ready soon', async (t) => {
  const data = join(folder, 'kept')
  let before: unknown
  for (const round of ['empty', 'old', 'old'] as const) {
    const startedAt = performance.now()
    await using server = new CliProcess(['up', '--json', '--data', data, ...anyPorts])
    const ready = await readyLine(server)
    const seconds = (performance.now() - startedAt) / 1000
    t.diagnostic(`ready after ${seconds.toFixed(1)} s on an ${round} folder`)
    // Far above what is promised (8 and 3 s): this machine may be busy with other tests.
    assert.ok(seconds < (round === 'empty' ? 40 : 15))
    assert.deepEqual([ready.ready, ready.data], [true, data])
    await using clients = createClients({ address: ready.grpc })
    const access = conversationsOverGrpc(clients.chat)
    if (round === 'empty') {
      await access.create({ id: 'c', userId: 'ada', title: 'T' })
      await access.append('c', [{ key: 'k', role: 'user', parts: [{ type: 'text', text: 'Kept?' }] }])
      await access.patchState('c', { a: 1 })
    }
    const now = [await access.get('c'), await access.messages('c'), await access.state('c')]
    before ??= now
    assert.deepEqual(now, before)
    assert.equal(await server.end('SIGKILL'), 'SIGKILL')
  }
})

test('prints one line with --json, serves metrics, logs to standard error, and ends with 0 on SIGTERM and SIGINT', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    await using server = new CliProcess(['up', '--json', '--database', 'memory:', ...anyPorts])
    assert.ok(server.child.stdout)
    const output = text(server.child.stdout)
    const line = once(server.child.stdout, 'data')
    const ready: Ready = JSON.parse(String(await line))
    const response = await fetch(`http://${ready.metrics}/metrics`)
    assert.match(await response.text(), /^# HELP rpc_server_call_duration_seconds/m)
    assert.equal(await server.end(signal), 0)
    assert.equal((await output).trimEnd().split('\n').length, 1)
    assert.match(server.stderr, /"signal":"SIG(TERM|INT)","msg":"Stopping"/)
  }
})

test('says for people where it listens', async () => {
  await using server = new CliProcess(['up', '--database', 'memory:', '--listen', '127.0.0.1:0', '--metrics', 'off'])
  assert.ok(server.child.stdout)
  const [first] = await once(server.child.stdout, 'data')
  assert.match(String(first), /^Holdfast is ready .*\n {2}gRPC {5}127\.0\.0\.1:\d+\n {2}metrics {2}off\n/)
})

test('answers a second opener of the folder with the pid of its owner', async () => {
  const data = join(folder, 'owned')
  await using owner = new CliProcess(['up', '--json', '--data', data, ...anyPorts])
  await readyLine(owner)
  for (const args of [
    ['up', ...anyPorts],
    ['conversations', 'list'],
  ]) {
    const { code, stderr } = await runCli([...args, '--data', data])
    assert.equal(code, 78)
    assert.match(
      stderr,
      new RegExp(`FAILED_PRECONDITION: The data folder .* is in use by process ${owner.child.pid}\\b`),
    )
  }
})

test('names a port that is in use', async () => {
  await using taken = await listeningServer()
  const { code, stderr } = await runCli(['up', '--database', 'memory:', '--metrics', 'off', '--listen', taken.address])
  assert.equal(code, 78)
  assert.match(stderr, new RegExp(`FAILED_PRECONDITION: Port ${taken.port} is in use`))
})

test('takes another metrics port only if none was asked for', async () => {
  await using taken = await listeningServer()
  const args = ['up', '--json', '--database', 'memory:', '--listen', '127.0.0.1:0']
  const { code, stderr } = await runCli([...args, '--metrics', taken.address])
  assert.equal(code, 78)
  assert.match(stderr, /Port \d+ is in use: the metrics server/)
  // Whoever comes first has the default port; the other one takes a free one.
  await using first = new CliProcess(args)
  await using second = new CliProcess(args)
  const [one, other] = [await readyLine(first), await readyLine(second)]
  assert.ok(one.metrics !== null && other.metrics !== null && one.metrics !== other.metrics)
})

test('refuses bad settings with exit code 64, and to listen for other machines with 78', async () => {
  for (const [args, code, message] of [
    [['--listen', 'nowhere'], 64, /INVALID_ARGUMENT: .*--listen must be HOST:PORT/],
    [['--database', 'mysql://x'], 64, /INVALID_ARGUMENT: .*--database must be/],
    [['--config', join(folder, 'none.yml')], 78, /FAILED_PRECONDITION: .*none\.yml/],
    [['--database', 'memory:', '--metrics', 'off', '--listen', '0.0.0.0:0'], 78, /without authentication/],
  ] as const) {
    const result = await runCli(['up', ...args], { folder })
    assert.equal(result.code, code, result.stderr)
    assert.match(result.stderr, message)
    assert.equal(
      result.stderr
        .trimEnd()
        .split('\n')
        .filter((line) => line.startsWith('holdfast:')).length,
      1,
    )
  }
})

test('lets a running reply end before it stops; a second signal ends it at once', async () => {
  const pieces = Array.from({ length: 30 }, (_, index) => `word${index} `)
  await using model = await startPacedModel(pieces, 50)
  const environment = { HOLDFAST_MODEL_BASE_URL: model.baseUrl, HOLDFAST_MODEL_NAME: 'paced' }
  const args = ['up', '--json', '--data', join(folder, 'drained'), ...anyPorts]
  for (const signals of [1, 2]) {
    await using server = new CliProcess(args, { environment })
    const { grpc } = await readyLine(server)
    await using clients = createClients({ address: grpc, maxAttempts: 1, reconnectMs: 1 })
    const { conversation } = await clients.chat.createConversation({})
    const parts = [{ content: { $case: 'text' as const, value: 'Go on' } }]
    const reading = (async () => {
      let answer = ''
      for await (const { event } of clients.chat.streamChat({ conversationId: conversation?.id ?? '', parts })) {
        if (event?.$case !== 'delta') continue
        if (answer === '') server.child.kill('SIGTERM')
        answer += event.value.text
        if (signals === 2 && answer.includes('word15')) server.child.kill('SIGTERM')
      }
      return answer
    })()
    if (signals === 1) {
      assert.equal(await reading, pieces.join(''))
      assert.equal(await server.end(), 0)
    } else {
      await assert.rejects(reading, { code: 'UNAVAILABLE' })
      assert.equal(await server.end(), 143)
    }
  }
})

test('serves only what it is told to, and calls the others where they are', async () => {
  const data = ['--database', 'memory:', ...anyPorts]
  await using vision = new CliProcess(['up', '--json', '--services', 'vision,artifacts', ...data])
  const { grpc: seeing } = await readyLine(vision)
  await using rest = new CliProcess(['up', '--json', '--services', 'chat,dag', ...data], {
    environment: { HOLDFAST_SERVICES_ADDRESS: `vision=${seeing}` },
  })
  const { grpc } = await readyLine(rest)
  await using clients = createClients({ address: `${grpc},vision=${seeing},artifacts=${seeing}`, maxAttempts: 1 })
  await clients.chat.createConversation({})
  await assert.rejects(clients.imageGeneration.submit({ spec: { prompt: 'a hill' } }), { code: 'UNIMPLEMENTED' })
  assert.equal((await runCli(['health', '--server', grpc])).code, 0)
  assert.equal((await runCli(['health', '--server', '127.0.0.1:1'])).code, 69)
  const { code, stderr } = await runCli(['up', ...data, '--services', 'chats'])
  assert.equal(code, 64)
  assert.match(stderr, /--services must be one of chat, artifacts/)
  assert.equal(await vision.end('SIGTERM'), 0)
  assert.equal(await rest.end('SIGTERM'), 0)
})

async function listeningServer(): Promise<{ readonly address: string; readonly port: number } & AsyncDisposable> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const found = server.address()
  assert.ok(found !== null && typeof found === 'object')
  return {
    address: `127.0.0.1:${found.port}`,
    port: found.port,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}
