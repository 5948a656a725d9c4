import { Server, ServerCredentials, setLogger } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import { fileDescriptors } from '@holdfast/protocol'
import { type ListenAddress, formatAddress, listenFailure, parseListenAddress, requireProtection } from './address.js'
import type { CallAudit } from './audit/call-audit.js'
import { admitOnHeaders } from './auth/admit-on-headers.js'
import type { Authenticator } from './auth/authenticator.js'
import type { MethodRoles } from './auth/method-roles.js'
import { Standing } from './auth/standing.js'
import { RenewedCredentials, type TlsFiles } from './auth/tls-files.js'
import { type RunningCall, RunningCalls } from './call-context.js'
import type { ServerState } from './handlers.js'
import { HealthWatch, type ModelHealth, type ServerHealth } from './health.js'
import type { CallLimiter } from './limits/call-limiter.js'
import type { Logger } from './logs.js'
import type { Metrics } from './metrics.js'
import { LoadGate, type LoadFigures, type LoadOptions } from './overload/load-gate.js'
import { watchOverload } from './overload/watch-overload.js'
import { addReflection } from './reflection.js'
import type { GrpcService } from './service.js'

export interface GrpcServerOptions {
  readonly services: readonly GrpcService[]
  /** HOST:PORT; port 0: a free one. Elsewhere than on loopback it takes `auth` and `tls`. */
  readonly listen: string
  /** Who may call. `none`: everybody on this machine, as the admin of the default tenant; for development, and on loopback only. */
  readonly auth: Authenticator | 'none'
  /** Default: plain text, on loopback only. */
  readonly tls?: TlsFiles | undefined
  /** The least role for each method; default: `methodRoles`, all of proto/. */
  readonly roles?: MethodRoles
  readonly logger: Logger
  readonly metrics?: Metrics
  readonly limits?: {
    /** The largest message, both ways; default 20 MiB. */
    readonly maxMessageBytes?: number
    /** For unary calls whose client sets no deadline; default 60,000 ms. */
    readonly defaultDeadlineMs?: number
    /** How long a reader of a stream may take nothing before it is cut off, with a cursor to go on from; default 60,000 ms. */
    readonly slowConsumerMs?: number
  }
  /** Where calls are kept that an auditor asks for; default: nowhere. */
  readonly audit?: CallAudit | undefined
  /** How often callers may call; default: as often as they like. */
  readonly limiter?: CallLimiter | undefined
  /** What is served at once, what waits, and what is refused. */
  readonly overload?: LoadOptions
  /** How long a stop waits for running calls before it aborts them; default 10,000 ms. */
  readonly drainMs?: number
  /** Resolves when the services can serve, rejects when not; run every few seconds. Default: always well. */
  readonly health?: (signal: AbortSignal) => Promise<void>
  /** The same of single services, by their full names: what one needs for itself, as a model. Default: they are well when the server is. */
  readonly serviceHealth?: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>
  /** What works less well than it should while calls are served (a cache that is away), a line for each. Default: nothing. */
  readonly degraded?: () => readonly string[]
  /** The models that its services work with, for `/readyz`. Default: none. */
  readonly models?: () => Promise<readonly ModelHealth[]>
  /** Default 5,000 ms. */
  readonly healthIntervalMs?: number
  /** A health check that takes longer counts as failed; default 3,000 ms. */
  readonly healthTimeoutMs?: number
  /** Serialized FileDescriptorProtos that reflection answers from; default: all of proto/. */
  readonly descriptors?: readonly Buffer[]
}

export interface StopReport {
  /** Calls that were running when the stop began and ended by themselves. */
  readonly drained: number
  /** Calls that had to be aborted. */
  readonly aborted: number
}

export interface GrpcServer extends AsyncDisposable {
  /** Where it listens: `127.0.0.1:9095`. */
  readonly address: string
  readonly port: number
  /** Where this process may call itself without TLS, on loopback; `address` if that is without. */
  readonly ownAddress: string
  /** As it stands now, without asking anybody. */
  readonly health: ServerHealth
  /** What the load on it is. */
  readonly load: LoadFigures
  /** Takes no new calls, lets running ones end within `drainMs`, aborts the rest, closes. Safe to call twice. */
  stop(): Promise<StopReport>
}

// How long aborted handlers get to write down what they have and say so to their callers.
const abortGraceMs = 2000
// For the last answers to leave the sockets once all calls have ended.
const closeGraceMs = 500

/** Serves the services with grpc.health.v1 and reflection beside them.
 *  @throws FAILED_PRECONDITION if it cannot listen there, or not without authentication and TLS */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const wanted = parseListenAddress(options.listen, 'listen')
  const authenticator = options.auth === 'none' ? undefined : options.auth
  requireProtection(wanted, { auth: authenticator !== undefined, tls: options.tls !== undefined })
  logWhatGrpcSays(options.logger)
  const {
    maxMessageBytes = 20 * 1024 * 1024,
    defaultDeadlineMs = 60_000,
    slowConsumerMs = 60_000,
  } = options.limits ?? {}
  const stopping = new AbortController()
  const running = new RunningCalls()
  const { logger, roles } = options
  const load = new LoadGate(options.overload)
  const state: ServerState = {
    logger,
    running,
    stopping: stopping.signal,
    defaultDeadlineMs,
    slowConsumerMs,
    authenticator,
    roles,
    audit: options.audit,
    limiter: options.limiter,
    load,
  }
  const bound = options.services.map((service) => service.bind(state, options.metrics))
  const methods = new Map(bound.flatMap((service) => [...service.methods]))
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    // A connection has no more calls open than all of them together may be: further ones wait at the client, where they cost nothing here.
    'grpc.max_concurrent_streams': load.most,
    // A peer that vanished without a word is found out, so that its streams end.
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 20_000,
    // Channelz keeps books on every call and message that nobody reads.
    'grpc.enable_channelz': 0,
    ...(authenticator === undefined ? {} : { interceptors: [admitOnHeaders(authenticator, methods, state)] }),
  })
  for (const { definition, implementation } of bound) server.addService(definition, implementation)
  const services = options.services.map((service) => service.name)
  const health = new HealthWatch({
    services,
    check: options.health ?? (() => Promise.resolve()),
    own: options.serviceHealth ?? {},
    logger: options.logger,
    degraded: () => [
      ...(load.figures.isShedding ? ['more calls come than can be served, and some are refused'] : []),
      ...(options.degraded?.() ?? []),
    ],
    ...(options.models === undefined ? {} : { models: options.models }),
    ...(options.healthIntervalMs === undefined ? {} : { intervalMs: options.healthIntervalMs }),
    ...(options.healthTimeoutMs === undefined ? {} : { timeoutMs: options.healthTimeoutMs }),
  })
  health.addTo(server)
  addReflection(server, options.descriptors ?? fileDescriptors(), services)
  options.metrics?.gauge('rpc_server_calls_in_progress', 'Calls that are being served', () => running.size)
  const overload = watchOverload(load, options.logger, options.metrics)
  await health.start()
  const credentials = options.tls === undefined ? undefined : new RenewedCredentials(options.tls)
  const plain = ServerCredentials.createInsecure()
  const standing = authenticator === undefined ? undefined : new Standing(running, logger)
  const release = (): void => {
    credentials?.[Symbol.dispose]()
    standing?.[Symbol.dispose]()
  }
  const listening = (async () => {
    const port = await bind(server, wanted, credentials ?? plain)
    const own = credentials === undefined ? undefined : await bind(server, { host: '127.0.0.1', port: 0 }, plain)
    return { port, own }
  })()
  const { port, own } = await listening.catch((error: unknown) => {
    health.stop()
    release()
    overload.stop()
    server.forceShutdown()
    throw error
  })

  let stopped: Promise<StopReport> | undefined
  const stop = (): Promise<StopReport> => {
    stopped ??= (async () => {
      health.stop()
      release()
      stopping.abort(new HoldfastError('UNAVAILABLE', 'The server is stopping', { reason: 'SERVER_STOPPING' }))
      const report = await drain(server, running, options.drainMs ?? 10_000)
      overload.stop()
      await options.audit?.flush()
      options.logger.info({ ...report }, 'gRPC server stopped')
      return report
    })()
    return stopped
  }
  const address = formatAddress({ host: wanted.host, port })
  const ownAddress = own === undefined ? address : formatAddress({ host: '127.0.0.1', port: own })
  const dispose = async (): Promise<void> => void (await stop())
  return {
    address,
    port,
    ownAddress,
    stop,
    get health() {
      return health.health
    },
    get load() {
      return load.figures
    },
    [Symbol.asyncDispose]: dispose,
  }
}

/** grpc-js has one logger for the process, the console by default. Its errors are told again by what we throw. */
function logWhatGrpcSays(logger: Logger): void {
  const tell = (message: unknown): void => logger.debug({ from: '@grpc/grpc-js' }, String(message))
  setLogger({ error: tell, info: tell, debug: tell })
}

function bind(server: Server, wanted: ListenAddress, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(formatAddress(wanted), credentials, (cause, port) => {
      if (cause) reject(listenFailure(cause, wanted, 'the gRPC server'))
      else resolve(port)
    })
  })
}

async function drain(server: Server, running: RunningCalls, drainMs: number): Promise<StopReport> {
  const atFirst = running.size
  // Closes the listener and tells clients to go elsewhere; calls under way go on.
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
  await atMost(drainMs, running.none())
  const late = running.list()
  for (const call of late) call.abort(abortedByStop(call))
  if (late.length > 0) await atMost(abortGraceMs, running.none())
  // Health watches and reflection streams have no end: they are cut here.
  await atMost(closeGraceMs, closed)
  server.forceShutdown()
  return { drained: Math.max(0, atFirst - late.length), aborted: late.length }
}

/** A reader can go on elsewhere; what a call that brings something had written by then, nobody knows. */
function abortedByStop({ method, canGoOn }: RunningCall): HoldfastError {
  const text = `${method} was aborted, because the server had no more time to stop: `
  return canGoOn
    ? new HoldfastError('UNAVAILABLE', `${text}go on at another server or later`, { reason: 'SERVER_STOPPING' })
    : new HoldfastError('UNKNOWN', `${text}repeat it with its key`, { reason: 'SERVER_STOPPING' })
}

async function atMost(ms: number, event: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([event, elapsed])
  clearTimeout(timer)
}
