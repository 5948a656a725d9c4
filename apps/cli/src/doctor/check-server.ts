import type { ServerFlags, StoreFlags } from '../commands/store-options.js'
import { serverClients } from '../server-clients.js'
import type { Check } from './check.js'

const timeoutMs = 3_000

/** @param flags if they name this server, it has to be there */
export async function checkServer(
  address: string,
  flags: StoreFlags & ServerFlags,
  environment: Readonly<NodeJS.ProcessEnv>,
): Promise<Check> {
  const asked = flags.server !== undefined
  await using clients = serverClients(address, flags, environment)
  const [found] = await clients.health({ deadlineMs: timeoutMs })
  const name = 'server'
  switch (found?.status) {
    case 'serving':
      return { name, status: 'ok', detail: `${address} serves, answers in ${found.latencyMs.toFixed(1)} ms` }
    case 'not-serving':
      return {
        name,
        status: 'fail',
        detail: `${address} answers, but does not serve`,
        advice: 'read its log: it is starting, stopping, or has no database',
      }
    default:
      return {
        name,
        status: asked ? 'fail' : 'warn',
        detail: `no server answers at ${address}`,
        advice: 'start one with `holdfast up`, or name another with --server HOST:PORT',
      }
  }
}
