import { HoldfastError } from '@holdfast/errors'
import type { CommandContext } from '../command-context.js'
import type { ServerFlags, StoreFlags } from '../commands/store-options.js'
import { serverClients } from '../server-clients.js'
import { settingsOf } from '../settings.js'

const timeoutMs = 3_000

/** @throws UNAVAILABLE if it does not serve */
export async function runHealth(flags: StoreFlags & ServerFlags, context: CommandContext): Promise<void> {
  const { config } = settingsOf(flags, context.environment)
  // A server that listens everywhere is asked on this machine.
  const address = flags.server ?? config.listen.replace(/^(0\.0\.0\.0|\[::\]):/, '127.0.0.1:')
  await using clients = serverClients(address, flags, context.environment)
  for (const found of await clients.health({ deadlineMs: timeoutMs })) {
    if (found.status === 'serving') {
      await context.out.line(`${found.address} serves, answers in ${found.latencyMs.toFixed(1)} ms`)
    } else {
      const problem = found.status === 'unreachable' ? 'does not answer' : 'answers, but does not serve'
      const advice = 'read its log: it is starting, stopping, or has no database'
      throw new HoldfastError('UNAVAILABLE', `${found.address} ${problem}: ${advice}`, { cause: found.error })
    }
  }
}
