import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { HoldfastError } from '@holdfast/errors'
import { createClients } from '@holdfast/grpc-clients'
import {
  type OtlpReceiver,
  postgresForTests,
  type ReceivedSpan,
  type RedisServer,
  startOtlpReceiver,
  startRedis,
  whyNoRedis,
} from '@holdfast/test-servers'
import { CliProcess, outputOf, runCli } from './cli-process.js'
import {
  expressionsOf,
  metricsIn,
  readAlerts,
  readDashboard,
  readDocumentedMetrics,
} from './observability/observability-files.js'
import { parsePrometheusText, type Scraped } from './top/prometheus-text.js'
import type { TopSample } from './top/sample.js'

interface Ready {
  readonly grpc: string
  readonly metrics: string
}

describe('what is observed of a running server', { skip: (await whyNoRedis()) ?? false }, () => {
  let receiver: OtlpReceiver
  let redis: RedisServer
  let server: CliProcess
  let ready: Ready

  before(async () => {
    const database = await postgresForTests()
    ;[receiver, redis] = await Promise.all([startOtlpReceiver(), startRedis()])
    const ports = ['--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0']
    const environment = { HOLDFAST_TRACES: receiver.url, OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' }
    server = new CliProcess(['up', '--json', '--database', database.url, '--redis', redis.url, ...ports], {
      environment,
    })
    ready = JSON.parse(await server.firstLine()) as Ready
  })

  after(async () => {
    assert.equal(await server.end('SIGTERM'), 0)
    await redis[Symbol.asyncDispose]()
    await receiver[Symbol.asyncDispose]()
  })

  const said = 'My umbrella is green and hidden'

  it('is one trace from the command to the database and the cache', async () => {
    const environment = { HOLDFAST_TRACES: receiver.url }
    const args = ['chat', '--server', ready.grpc, '--user', 'ada-lovelace']
    await outputOf(args, { input: `${said}\n`, environment })
    const root = await named(receiver, 'holdfast chat')
    assert.equal(root.parentSpanId, '')
    const served = await named(receiver, 'holdfast.chat.v1.ChatService/StreamChat', 2)
    const trace = (): readonly ReceivedSpan[] => receiver.spans.filter(({ traceId }) => traceId === root.traceId)
    const has = (text: string): boolean => trace().some(({ name }) => name === text)
    const isKnown = (id: string): boolean => id === '' || trace().some(({ spanId }) => spanId === id)
    await receiver.until(() => ['append-existing messages', 'chat recall', 'EVALSHA'].every(has))
    // Every span belongs to one of the trace; what ends later is sent later.
    await receiver.until(() => trace().every(({ parentSpanId }) => isKnown(parentSpanId)))
    const spans = new Map(trace().map((span) => [span.spanId, span]))
    const called = spans.get(served.parentSpanId)
    assert.deepEqual([called?.name, called?.kind, called?.parentSpanId], [served.name, 3, root.spanId])
    const { attributes } = served
    assert.deepEqual(attributes, {
      'rpc.system.name': 'grpc',
      'rpc.method': 'holdfast.chat.v1.ChatService/StreamChat',
      'rpc.response.status_code': 'OK',
    })
    const sql = [...spans.values()].find(({ name }) => name === 'append-existing messages')
    assert.equal(sql?.attributes['db.system.name'], 'postgresql')
    assert.ok(ancestors(sql, spans).some(({ kind }) => kind === 2))
    const cache = [...spans.values()].find(({ name }) => name === 'EVALSHA')
    assert.equal(cache?.attributes['db.system.name'], 'redis')
    assert.equal(cache.attributes['server.port'], Number(new URL(redis.url).port))
    assert.equal(root.resource['service.name'], 'holdfast')
    assert.equal(served.resource['deployment.environment.name'], 'test')
  })

  it('holds nothing of what was said, and no trace that nobody asked for', () => {
    assert.ok(receiver.bodies.length > 0)
    for (const body of receiver.bodies) {
      for (const text of ['umbrella', 'hidden', 'lovelace']) assert.ok(!body.includes(text), text)
    }
    const roots = new Set(receiver.spans.filter(({ parentSpanId }) => parentSpanId === '').map(({ name }) => name))
    assert.deepEqual([...roots], ['holdfast chat'])
  })

  const defaults = /^(process|nodejs)_/
  const scrape = async (): Promise<Scraped> => {
    const response = await fetch(`http://${ready.metrics}/metrics`)
    return parsePrometheusText(await response.text())
  }

  it('has the metrics that the guide tells of, and no others', async () => {
    const text = await (await fetch(`http://${ready.metrics}/metrics`)).text()
    const told = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
    const documented = await readDocumentedMetrics()
    assert.ok(documented.length > 20)
    assert.deepEqual(told.filter((name) => !defaults.test(name)).toSorted(), [...documented].toSorted())
    for (const name of ['umbrella', 'lovelace']) assert.ok(!text.includes(name), name)
  })

  it('has all metrics that the dashboard and the alerts read, with the labels that they name', async () => {
    const scraped = await scrape()
    const text = await (await fetch(`http://${ready.metrics}/metrics`)).text()
    const known = new Set(['up'])
    for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)/gm)) {
      for (const end of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) known.add(name + end)
    }
    const alerts = (await readAlerts()).map(({ expr }) => expr)
    const expressions = [...expressionsOf(await readDashboard()), ...alerts]
    const scrapers = new Set(['job', 'instance', 'le', 'error_type'])
    for (const expression of expressions) {
      const metrics = metricsIn(expression)
      assert.ok(metrics.length > 0, expression)
      for (const metric of metrics) {
        assert.ok(known.has(metric), `${metric} of ${expression} is not among the metrics`)
        const series = scraped.get(metric) ?? []
        const labels = new Set(series.flatMap(({ labels: those }) => Object.keys(those)))
        for (const label of series.length === 0 ? [] : labelsIn(expression)) {
          assert.ok(labels.has(label) || scrapers.has(label), `${label} of ${expression} is no label of ${metric}`)
        }
      }
    }
  })

  it('is shown live by holdfast top', async () => {
    const args = ['--metrics', ready.metrics, '127.0.0.1:1', '--interval', '1']
    const showing = outputOf(['top', ...args])
    const sampling = outputOf(['top', '--json', ...args])
    await using clients = createClients({ address: ready.grpc })
    let over = false
    const calling = (async () => {
      for (let n = 0; !over; n += 1) await clients.chat.createConversation({ userId: `user-${n}` })
    })()
    const [frame, json] = await Promise.all([showing, sampling])
    over = true
    await calling
    assert.match(frame, /^holdfast top {2}\d\d:\d\d:\d\d UTC {2}1 of 2 processes/)
    assert.match(frame, /\nChatService\/CreateConversation +[\d.]+ +0 +[\d.]+ +[\d.]+\n/)
    assert.match(frame, /\npostgresql +[\d.]+ +0 +[\d.]+ +[\d.]+\n/)
    assert.match(frame, /\nconnections \d+ of \d+, waiting \d+\n/)
    assert.match(frame, /\n127\.0\.0\.1:1 +away\n/)
    const sample = JSON.parse(json) as TopSample
    assert.ok(sample.calls.perSecond > 1)
    assert.equal(sample.calls.methods[0]?.method, 'holdfast.chat.v1.ChatService/CreateConversation')
    assert.ok((sample.calls.p99Ms ?? 0) >= (sample.calls.p50Ms ?? Number.POSITIVE_INFINITY))
    assert.equal(sample.jobs.workers, 2)
    assert.ok((sample.processes[0]?.residentBytes ?? 0) > 5e7)
    assert.deepEqual(sample.processes[1], { address: '127.0.0.1:1', up: false })
    const nobody = await runCli(['top', '--json', '--metrics', '127.0.0.1:1'])
    assert.equal(nobody.code, 69)
    assert.match(nobody.stderr, /UNAVAILABLE: No metrics come from 127\.0\.0\.1:1/)
  })

  it('names the line of the log to whoever is told of an error', async () => {
    await using clients = createClients({ address: ready.grpc })
    const error = await clients.chat.getConversation({ conversationId: 'none' }).then(
      () => assert.fail('there is none'),
      (thrown: HoldfastError) => thrown,
    )
    const id = error.metadata['requestId'] ?? 'none'
    assert.match(id, /^[0-9a-f]{32}$/)
    while (!server.stderr.includes(id)) await new Promise((resolve) => setTimeout(resolve, 10))
    const line = server.stderr.split('\n').find((one) => one.includes(id)) ?? ''
    const { requestId, trace_id, method, code } = JSON.parse(line) as Record<string, string>
    assert.deepEqual([requestId, trace_id, code], [id, id, 'NOT_FOUND'])
    assert.equal(method, 'holdfast.chat.v1.ChatService/GetConversation')
    await named(receiver, 'holdfast.chat.v1.ChatService/GetConversation', 2)
    assert.ok(receiver.spans.some(({ traceId }) => traceId === id))
  })

  it('is degraded while its Redis is away, and serves', async () => {
    const readiness = async (): Promise<{ status?: string; degraded?: string[] }> =>
      (await fetch(`http://${ready.metrics}/readyz`)).json() as Promise<object>
    const until = async (status: string): ReturnType<typeof readiness> => {
      for (let n = 0; (await readiness()).status !== status && n < 500; n += 1) await delay(10)
      return readiness()
    }
    assert.equal((await readiness()).status, 'ready')
    await redis.kill()
    const degraded = ['the cache of conversations cannot be reached: the database answers meanwhile']
    assert.deepEqual((await until('degraded')).degraded, degraded)
    await using clients = createClients({ address: ready.grpc })
    await clients.chat.listConversations({})
    await redis.restart()
    assert.deepEqual((await until('ready')).degraded, undefined)
  })
})

/** Labels that an expression names beside metrics. */
function labelsIn(expression: string): string[] {
  const selectors = [...expression.matchAll(/\{([^}]*)\}/g)].map(([, inner = '']) => inner)
  const matched = selectors.flatMap((inner) =>
    [...inner.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, one = '']) => one),
  )
  const grouped = [...expression.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, inner = '']) => inner.split(/[\s,]+/))
  return [...matched, ...grouped].filter((one) => one !== '')
}

/** The first span of a name, when it has come. */
async function named(receiver: OtlpReceiver, name: string, kind?: number): Promise<ReceivedSpan> {
  const find = (spans: readonly ReceivedSpan[]): ReceivedSpan | undefined =>
    spans.find((span) => span.name === name && (kind === undefined || span.kind === kind))
  const found = find(await receiver.until((spans) => find(spans) !== undefined))
  assert.ok(found)
  return found
}

function ancestors(span: ReceivedSpan | undefined, spans: ReadonlyMap<string, ReceivedSpan>): ReceivedSpan[] {
  const parent = spans.get(span?.parentSpanId ?? '')
  return parent === undefined ? [] : [parent, ...ancestors(parent, spans)]
}
