import { createHash } from 'node:crypto'
import { metrics as openTelemetry } from '@opentelemetry/api'
import { HoldfastError } from '@holdfast/errors'
import type { ChatService } from '@holdfast/chat-with-sessions'
import type { ChatModel } from '@holdfast/models'
import { type DocumentStore, oldestWaitMs, openDocumentStore } from '@holdfast/persistence'
import {
  type AuditEvent,
  AuditLog,
  CallAudit,
  type CallLimits,
  type CallRate,
  type Config,
  type GrpcServer,
  type Logger,
  type Metrics,
  type MetricsServer,
  type MetricsServerOptions,
  type ServerHealth,
  authFromConfig,
  createAccessService,
  createMetrics,
  limitCalls,
  serveMetrics,
  startGrpcServer,
  tlsFromConfig,
} from '@holdfast/server'
import type { Clients } from '@holdfast/grpc-clients'
import { createModelService } from '@holdfast/job-service'
import { clientOptionsOf } from '../server-clients.js'
import type { Settings } from '../settings.js'
import { openTraces } from '../traces.js'
import { isServed, onlyServed } from './served.js'

/** All of Holdfast in this process. */
export interface RunningServer {
  /** HOST:PORT. */
  readonly grpc: string
  /** HOST:PORT. */
  readonly metrics: string | undefined
  readonly model: Pick<ChatModel, 'name' | 'kind'>
  /** Clients of this server, with a credential of its own for a tenant. */
  readonly own: (tenant: string) => Promise<Clients>
  /** Where all of it is kept. */
  readonly store: DocumentStore
  /** Aborts when it cannot go on; the reason is a HoldfastError. */
  readonly failed: AbortSignal
}

/** Serves for as long as `whileServing` takes; then drains running replies, writes what was put off and closes the store. */
export async function serve(
  settings: Settings,
  logger: Logger,
  whileServing: (server: RunningServer) => Promise<void>,
): Promise<void> {
  const { config, storeUrl } = settings
  // Before anything that is traced; after it, when all spans have ended.
  await using _traces = await openTraces(config, settings.environment, logger)
  const metrics = createMetrics()
  if (config.metrics.enabled) openTelemetry.setGlobalMeterProvider(metrics.meters)
  const opening = openDocumentStore(storeUrl, config.rowSecurity === true ? { rowSecurity: true } : {})
  // Loaded while the database starts in its own thread.
  const loading = Promise.all([
    import('../embedder.js').then(({ openEmbedder }) => openEmbedder(config, logger)),
    import('./open-chat.js'),
    import('./open-media.js'),
    import('./open-dag.js'),
    import('./own-clients.js'),
    import('./models-in-use.js'),
  ])
  using tls = await tlsFromConfig(config, logger)
  await using store = await opening
  const [found, { openChat }, { openMedia }, { openDag }, { OwnClients }, { modelsInUse }] = await loading
  await using embedder = found
  const { authenticator, keys, own } = authFromConfig(config, store)
  const { maxMessageBytes, defaultDeadlineMs, drainMs, slowConsumerMs } = config.limits
  const { maxCalls, maxStreams, targetDelayMs } = config.limits
  const limits = callLimitsOf(config)
  let serving: GrpcServer | undefined
  const health = (): ServerHealth => serving?.health ?? { isAlive: true, isReady: false, degraded: [] }
  await using metricsServer = config.metrics.enabled
    ? await startMetrics(metrics, settings, { logger, health, tls })
    : undefined
  const tokens = authenticator === 'none' ? undefined : own
  using ownClients = new OwnClients(tokens)
  using mediaClients = config.chat.mediaAddress === undefined ? undefined : new OwnClients(tokens)
  mediaClients?.connect({ ...clientOptionsOf(config), address: config.chat.mediaAddress ?? '' })
  await using chat = await openChat({ store, config, logger, metrics, embedder, media: mediaClients ?? ownClients })
  await using media = await openMedia({ store, config, metrics, logger, conversations: chat.conversations })
  await using graphs = isServed(config, 'dag') ? await openDag(store, config, logger, metrics) : undefined
  const models = () => modelsInUse(config, { chat: chat.model, media: media.models, embedder })
  const auditLog = config.audit.enabled ? new AuditLog(store, { key: config.audit.key, logger }) : undefined
  const failed = new AbortController()
  await using server = await startGrpcServer({
    services: onlyServed(config, [
      chat.service,
      ...media.services,
      ...(graphs === undefined ? [] : [graphs.dag.service]),
      createAccessService(keys),
      createModelService(models),
    ]),
    listen: config.listen,
    auth: authenticator,
    tls,
    logger,
    metrics,
    limits: { maxMessageBytes, defaultDeadlineMs, slowConsumerMs },
    audit: auditLog && new CallAudit(auditLog),
    limiter: limits && limitCalls(store, limits, logger),
    overload: { maxCalls, maxStreams, targetDelayMs, pressureMs: oldestWaitMs },
    drainMs,
    health: () => checkHealth(chat.local, failed),
    serviceHealth: media.health,
    degraded: () => chat.degraded(),
    models,
  })
  serving = server
  // Without waiting: a server that cannot write down that it began is told by its health what is wrong.
  void auditLog?.record(serverBegan(settings)).catch(() => {})
  const { address } = config.services
  ownClients.connect(address === undefined ? { address: server.ownAddress } : { ...clientOptionsOf(config), address })
  graphs?.connect((tenant) => ownClients.connected(tenant))
  try {
    await whileServing({
      grpc: server.address,
      metrics: metricsServer?.address,
      model: chat.model,
      failed: failed.signal,
      store,
      own: (tenant) => ownClients.of(tenant),
    })
  } finally {
    // Runs go on with the next start; their calls must not be told that the server stops.
    await graphs?.dag.close()
  }
  // Replies that nobody reads are calls to no server: they are drained on their own, early enough for readers to get their end.
  await Promise.all([server.stop(), chat.drain(drainMs * 0.8), media.drain(drainMs * 0.8)])
}

/** A second server on one machine is ready as well: only a metrics port that somebody asked for must be free. */
async function startMetrics(
  metrics: Metrics,
  { config, loaded }: Settings,
  parts: Omit<MetricsServerOptions, 'listen' | 'token'> & { readonly logger: Logger },
): Promise<MetricsServer> {
  const { listen, token } = config.metrics
  const { logger } = parts
  try {
    return await serveMetrics(metrics, { listen, token, ...parts })
  } catch (error) {
    const isFree = loaded.originOf('metrics.listen').from === 'default'
    if (!isFree || !(error instanceof HoldfastError) || error.reason !== 'PORT_IN_USE') throw error
    const server = await serveMetrics(metrics, { listen: '127.0.0.1:0', token, ...parts })
    logger.warn({ wanted: listen, listen: server.address }, 'The metrics port is in use, so another one was taken')
    return server
  }
}

/** The digest shows whether the settings are those of another start. */
function serverBegan({ loaded }: Settings): Omit<AuditEvent, 'at'> {
  const digest = createHash('sha256').update(JSON.stringify(loaded.lines())).digest('hex')
  return { kind: 'server', action: 'up', outcome: 'OK', facts: { settings: digest } }
}

/** `undefined`: nobody is limited, and nobody is asked. */
function callLimitsOf({ limits }: Config): CallLimits | undefined {
  const { callsPerSecond, keyCallsPerSecond, tenantCallsPerSecond } = limits
  const rateOf = (perSecond: number | undefined): CallRate | undefined =>
    perSecond === undefined ? undefined : { perSecond }
  const tenants = Object.fromEntries(
    Object.entries(tenantCallsPerSecond).map(([name, perSecond]) => [name, { perSecond }]),
  )
  const isNone = callsPerSecond === undefined && keyCallsPerSecond === undefined && Object.keys(tenants).length === 0
  return isNone ? undefined : { tenant: rateOf(callsPerSecond), credential: rateOf(keyCallsPerSecond), tenants }
}

/** A folder that another process took over is lost for good; everything else may come back. */
async function checkHealth(chat: ChatService, failed: AbortController): Promise<void> {
  try {
    await chat.health()
  } catch (error) {
    if (error instanceof HoldfastError && error.reason === 'FOLDER_LOST') failed.abort(error)
    throw error
  }
}
