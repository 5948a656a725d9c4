import type { Clients } from '@holdfast/grpc-clients'
import { createLogger } from '@holdfast/server'
import type { CommandContext } from '../command-context.js'
import type { ServerFlags, StoreFlags } from '../commands/store-options.js'
import { withServerHint } from './open-access.js'
import { serverClients } from '../server-clients.js'
import { settingsOf } from '../settings.js'
import { serve } from '../up/serve.js'
import { localTenant } from '../up/tenants.js'

/** `server`: a running one, instead of opening the store here. */
export interface ServiceFlags extends StoreFlags, ServerFlags {}

/** Calls `work` with clients of a running server, or of all of Holdfast in this process on a free port. */
export async function withServices<R>(
  flags: ServiceFlags,
  context: CommandContext,
  work: (clients: Clients) => Promise<R>,
): Promise<R> {
  if (flags.server !== undefined) {
    await using clients = serverClients(flags.server, flags, context.environment)
    return await work(clients)
  }
  const settings = settingsOf({ ...flags, listen: '127.0.0.1:0', metrics: 'off' }, context.environment)
  const logger = createLogger({ level: 'error', secrets: settings.loaded.secrets })
  let result: R | undefined
  await serve(settings, logger, async ({ own }) => {
    result = await work(await own(localTenant))
  }).catch((error: unknown) => {
    throw withServerHint(error)
  })
  return result as R
}
