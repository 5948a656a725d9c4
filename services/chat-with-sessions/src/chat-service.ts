import type { GrpcService, Metrics } from '@holdfast/server'
import { ChatEngine, type ChatEngineOptions } from './chat-engine.js'
import type { DrainReport } from './reply-producer.js'
import { replyMetrics } from './reply-metrics.js'
import { chatGrpcService } from './server.js'

export interface ChatServiceOptions extends ChatEngineOptions {
  /** Where replies are counted; default: nowhere. Several services in one process share `hooks: replyMetrics(…)` instead. */
  readonly metrics?: Metrics
}

export interface ChatService {
  /** For `startGrpcServer({ services: [chat.service] })`. */
  readonly service: GrpcService
  readonly engine: ChatEngine
  /** Rejects when conversations cannot be read. */
  health(): Promise<void>
  /** What works less well than it should, a line for each. */
  degraded(): readonly string[]
  /** To be called when the server begins to stop, beside its `stop()`: begins no more replies, waits `waitMs` (default 8,000, less than the
   *  server's own drain time, so that readers get the end) for those that run, whether anybody reads them or not, then ends them as
   *  `interrupted`. */
  drain(waitMs?: number): Promise<DrainReport>
}

const cacheAway = 'the cache of conversations cannot be reached: the database answers meanwhile'

/** The chat service on a conversation store and a model; it owns neither. */
export function createChatService({ metrics, ...options }: ChatServiceOptions): ChatService {
  const hooks = metrics === undefined ? {} : { hooks: replyMetrics(metrics, () => engine.activeReplies) }
  const engine: ChatEngine = new ChatEngine({ ...options, ...hooks })
  return {
    service: chatGrpcService(engine),
    engine,
    degraded: () => (engine.conversations.isCacheAway() ? [cacheAway] : []),
    health: async () => void (await engine.conversations.list({ limit: 1 })),
    drain: (waitMs = 8_000) => engine.drain(waitMs),
  }
}
