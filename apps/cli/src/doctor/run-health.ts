import { HoldfastError } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import { models as wire } from '@holdfast/protocol'
import type { CommandContext } from '../command-context.js'
import type { ServerFlags, StoreFlags } from '../commands/store-options.js'
import { table } from '../printable.js'
import { serverClients } from '../server-clients.js'
import { settingsOf } from '../settings.js'

const timeoutMs = 3_000

const states: Readonly<Record<wire.ModelState, string>> = {
  [wire.ModelState.UNSPECIFIED]: 'unknown',
  [wire.ModelState.REMOTE]: 'remote',
  [wire.ModelState.NOT_INSTALLED]: 'not installed',
  [wire.ModelState.UNLOADED]: 'installed',
  [wire.ModelState.LOADED]: 'loaded',
  [wire.ModelState.FAILED]: 'failed',
  [wire.ModelState.UNRECOGNIZED]: 'unknown',
}

/** @throws UNAVAILABLE if it does not serve */
export async function runHealth(
  flags: StoreFlags & ServerFlags & { readonly json?: true },
  context: CommandContext,
): Promise<void> {
  const { config } = settingsOf(flags, context.environment)
  // A server that listens everywhere is asked on this machine.
  const address = flags.server ?? config.listen.replace(/^(0\.0\.0\.0|\[::\]):/, '127.0.0.1:')
  await using clients = serverClients(address, flags, context.environment)
  const servers = await clients.health({ deadlineMs: timeoutMs })
  for (const { address, status, error } of servers) {
    if (status === 'serving') continue
    const problem = status === 'unreachable' ? 'does not answer' : 'answers, but does not serve'
    const advice = 'read its log: it is starting, stopping, or has no database'
    throw new HoldfastError('UNAVAILABLE', `${address} ${problem}: ${advice}`, { cause: error })
  }
  const models = await modelsOf(clients)
  if (flags.json === true) {
    await context.out.json({ servers, models: models?.map((model) => ({ ...model, state: states[model.state] })) })
    return
  }
  for (const { address, latencyMs } of servers) {
    await context.out.line(`${address} serves, answers in ${latencyMs.toFixed(1)} ms`)
  }
  if (models === undefined) return
  const rows = models.map(({ service, name, state, detail }) => [service, name, states[state], detail])
  await context.out.write(table(['service', 'model', 'state', 'note'], rows))
}

/** `undefined`: nobody says, for want of a credential or because the server is an older one. It serves all the same. */
async function modelsOf(clients: Clients): Promise<readonly wire.ServedModel[] | undefined> {
  try {
    return (await clients.models.listModels({}, { deadlineMs: timeoutMs })).models
  } catch {
    return undefined
  }
}
