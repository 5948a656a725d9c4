import { createClients } from '@holdfast/grpc-clients'
import { openDocumentStore } from '@holdfast/persistence'
import { openConversationStore } from '@holdfast/session'
import { HoldfastProcess } from '@holdfast/test-servers'
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

async function openServer(): Promise<OpenedAccess> {
  const server = await HoldfastProcess.start(['--database', 'memory:'])
  const clients = createClients({ address: server.address })
  return {
    conversations: conversationsOverGrpc(clients.chat),
    async [Symbol.asyncDispose]() {
      clients.close()
      await server.stop()
    },
  }
}
