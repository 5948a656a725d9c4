import { existsSync } from 'node:fs'
import { HoldfastError } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import type { CommandContext } from '../command-context.js'
import type { ServerFlags, StoreFlags } from '../commands/store-options.js'
import { cacheOf, type Settings, settingsOf } from '../settings.js'
import type { ConversationAccess } from './conversation-access.js'

/** `server`: a running one, instead of opening the store here. */
export interface AccessFlags extends StoreFlags, ServerFlags {}

/** Conversations of a running server or of a store, to be disposed. */
export interface OpenedAccess extends AsyncDisposable {
  readonly conversations: ConversationAccess
  /** Absent: a server has it. */
  readonly store?: DocumentStore
}

/** @param options.mayCreate whether an embedded store may be made where there is none
 *  @throws FAILED_PRECONDITION if another process has the folder; NOT_FOUND if there is none */
export async function openAccess(
  flags: AccessFlags,
  context: CommandContext,
  options: { readonly mayCreate: boolean },
): Promise<OpenedAccess> {
  if (flags.server !== undefined) return openServer(flags.server, flags, context)
  const settings = settingsOf(flags, context.environment)
  const { folder } = settings
  if (!options.mayCreate && folder !== undefined && !existsSync(folder)) {
    throw new HoldfastError(
      'NOT_FOUND',
      `There is no data folder ${folder}: name one with --data, or a running server with --server`,
    )
  }
  return openStore(settings)
}

async function openServer(
  address: string,
  flags: AccessFlags,
  { environment, signal }: CommandContext,
): Promise<OpenedAccess> {
  const [{ serverClients }, { conversationsOverGrpc }] = await Promise.all([
    import('../server-clients.js'),
    import('./over-grpc.js'),
  ])
  const clients = serverClients(address, flags, environment)
  return {
    conversations: conversationsOverGrpc(clients.chat, signal),
    [Symbol.asyncDispose]: async () => clients.close(),
  }
}

async function openStore({ storeUrl, config }: Settings): Promise<OpenedAccess> {
  const [{ openDocumentStore }, { openConversationStore }] = await Promise.all([
    import('@holdfast/persistence'),
    import('@holdfast/session'),
  ])
  const store = await openDocumentStore(storeUrl).catch((error: unknown) => {
    throw withServerHint(error)
  })
  const conversations = await openConversationStore(store, {
    limits: { textBytes: config.limits.maxTextBytes },
    // What it writes, servers may have cached.
    ...cacheOf(config),
    // A command is short: it leaves the replies of others to servers.
    maintenanceIntervalMs: 0,
  })
  return {
    conversations,
    store,
    async [Symbol.asyncDispose]() {
      await conversations.close()
      await store.close()
    },
  }
}

/** A folder that a server has is reached through that server. */
export function withServerHint(error: unknown): unknown {
  if (!(error instanceof HoldfastError) || error.reason !== 'FOLDER_IN_USE') return error
  const { code, message, reason, metadata } = error
  return new HoldfastError(code, `${message}; or, if it is a server, go through it with --server HOST:PORT`, {
    cause: error,
    reason,
    metadata,
  })
}
