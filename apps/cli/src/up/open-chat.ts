import { type ChatService, createChatService, mediaOverGrpc, replyMetrics } from '@holdfast/chat-with-sessions'
import { lineageOfTenant, openLineage } from '@holdfast/jobs'
import type { ChatModel, EmbeddingModel } from '@holdfast/models'
import type { DocumentStore } from '@holdfast/persistence'
import { ChatServiceService } from '@holdfast/protocol'
import { type Config, type GrpcService, type Logger, type Metrics, TenantPool, serviceByTenant } from '@holdfast/server'
import { type ConversationStore, openConversationStore } from '@holdfast/session'
import { openModel } from '../model.js'
import { cacheOf } from '../settings.js'
import type { OwnClients } from './own-clients.js'
import { localTenant } from './tenants.js'

export interface ChatOfTenants extends AsyncDisposable {
  readonly service: GrpcService
  /** That of the tenant of this machine, which is always open. */
  readonly local: ChatService
  readonly model: Pick<ChatModel, 'name' | 'kind'>
  /** Those of a tenant, for as long as they are needed. */
  readonly conversations: (tenant: string) => Promise<ConversationLease>
  /** As ChatService.drain, of all tenants. */
  /** What works less well than it should, a line for each. */
  degraded(): readonly string[]
  drain(waitMs: number): Promise<void>
}

export interface ConversationLease extends Disposable {
  readonly conversations: ConversationStore
}

export interface ChatParts {
  readonly store: DocumentStore
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly embedder: EmbeddingModel | undefined
  /** Of the services that look at pictures, hear and speak. */
  readonly media: OwnClients
}

interface OpenedChat extends AsyncDisposable {
  readonly chat: ChatService
  readonly model: ChatModel
}

/** Conversations of each tenant, with caches, indexes and running replies of its own. */
export async function openChat({ store, config, logger, metrics, embedder, media }: ChatParts): Promise<ChatOfTenants> {
  const hooks = replyMetrics(metrics, () => pool.all.reduce((sum, { chat }) => sum + chat.engine.activeReplies, 0))

  async function open(tenant: string): Promise<OpenedChat> {
    const scope = tenant === localTenant ? store : store.tenant(tenant)
    const conversations = await openConversationStore(store, {
      ...(tenant === localTenant ? {} : { tenantId: tenant }),
      limits: { textBytes: config.limits.maxTextBytes },
      ...cacheOf(config),
      search: embedder === undefined ? {} : { embedder },
      onBackgroundError: (doing, err) => logger.warn({ err, tenant }, `${doing} failed and is tried again`),
    })
    const opened = openModel(config, conversations)
    const { model } = opened
    const chat = createChatService({
      conversations,
      model,
      ...(config.chat.showPictures ? { blobs: scope.blobs } : {}),
      attachments: {
        services: mediaOverGrpc(() => media.of(tenant)),
        blobs: scope.blobs,
        lineage: lineageOfTenant(openLineage(store), tenant),
      },
      logger,
      hooks,
    })
    return {
      chat,
      model,
      async [Symbol.asyncDispose]() {
        opened[Symbol.dispose]()
        await conversations.close()
      },
    }
  }

  const pool = new TenantPool<OpenedChat>({
    open,
    isBusy: ({ chat }) => chat.engine.activeReplies > 0,
    // Each holds a connection to Redis, where there is one, and looks after its tenant’s abandoned replies.
    most: 200,
    onError: (err) => logger.warn({ err }, 'The conversations of a tenant could not be closed'),
  })
  const { chat, model } = await pool.keep(localTenant)
  return {
    service: serviceByTenant(ChatServiceService, pool, (parts) => parts.chat.service),
    local: chat,
    model,
    async conversations(tenant) {
      const lease = await pool.lease(tenant)
      return { conversations: lease.parts.chat.engine.conversations, [Symbol.dispose]: () => lease[Symbol.dispose]() }
    },
    degraded: () => [...new Set(pool.all.flatMap((parts) => parts.chat.degraded()))],
    async drain(waitMs) {
      await Promise.all(pool.all.map((parts) => parts.chat.drain(waitMs)))
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}
