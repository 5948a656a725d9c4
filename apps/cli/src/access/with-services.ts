import { type Clients, createClients } from '@holdfast/grpc-clients'
import { createLogger } from '@holdfast/server'
import type { CommandContext } from '../command-context.js'
import type { StoreFlags } from '../commands/store-options.js'
import { withServerHint } from './open-access.js'
import { settingsOf } from '../settings.js'
import { serve } from '../up/serve.js'

export interface ServiceFlags extends StoreFlags {
  /** HOST:PORT of a running server, instead of opening the store here. */
  readonly server?: string
}

/** Calls `work` with clients of a running server, or of all of Holdfast in this process on a free port. */
export async function withServices<R>(
  flags: ServiceFlags,
  context: CommandContext,
  work: (clients: Clients) => Promise<R>,
): Promise<R> {
  if (flags.server !== undefined) {
    await using clients = createClients({ address: flags.server })
    return await work(clients)
  }
  const settings = settingsOf({ ...flags, listen: '127.0.0.1:0', metrics: 'off' }, context.environment)
  const logger = createLogger({ level: 'error', secrets: settings.loaded.secrets })
  let result: R | undefined
  await serve(settings, logger, async ({ grpc }) => {
    await using clients = createClients({ address: grpc })
    result = await work(clients)
  }).catch((error: unknown) => {
    throw withServerHint(error)
  })
  return result as R
}
