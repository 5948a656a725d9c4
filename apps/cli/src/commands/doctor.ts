import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withStoreOptions } from './store-options.js'

export function doctorCommand(context: CommandContext): Command {
  return withStoreOptions(new Command('doctor'))
    .description(
      'Say what can be reached, in which version, and what to do about what cannot. Exit code 1: something fails.',
    )
    .option('--server <host:port>', 'the server to look for (default: where `holdfast up` listens)')
    .option('--json', 'one JSON object')
    .action(async (flags) => (await import('../doctor/run-doctor.js')).runDoctor(flags, context))
}
