import { createChatService } from '@holdfast/chat-with-sessions'
import { createClients } from '@holdfast/grpc-clients'
import { recallModel } from '@holdfast/models'
import { openDocumentStore } from '@holdfast/persistence'
import { createLogger, startGrpcServer } from '@holdfast/server'
import { openConversationStore } from '@holdfast/session'
import { conversationsOverGrpc } from './over-grpc.js'
import type { OpenedAccess } from './open-access.js'

/** For tests: both ways to conversations, each to an empty store in memory. */
export const accesses: readonly { readonly name: string; readonly open: () => Promise<OpenedAccess> }[] = [
  { name: 'a store of its own', open: openInProcess },
  { name: 'a server', open: openServer },
]

async function openInProcess(): Promise<OpenedAccess> {
  const store = await openDocumentStore('memory:')
  const conversations = await openConversationStore(store, { maintenanceIntervalMs: 0 })
  return {
    conversations,
    async [Symbol.asyncDispose]() {
      await conversations.close()
      await store.close()
    },
  }
}

/** The service as `up` serves it, in this process: it starts for each test. */
async function openServer(): Promise<OpenedAccess> {
  const store = await openDocumentStore('memory:')
  const conversations = await openConversationStore(store, { maintenanceIntervalMs: 0 })
  const chat = createChatService({
    conversations,
    model: recallModel({ retrieve: async () => [] }),
    blobs: store.blobs,
  })
  const logger = createLogger({ level: 'fatal' })
  const server = await startGrpcServer({ services: [chat.service], listen: '127.0.0.1:0', auth: 'none', logger })
  const clients = createClients({ address: server.address })
  return {
    conversations: conversationsOverGrpc(clients.chat),
    async [Symbol.asyncDispose]() {
      clients.close()
      await Promise.all([server.stop(), chat.drain(0)])
      await conversations.close()
      await store.close()
    },
  }
}
