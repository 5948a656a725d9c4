import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withServerOptions, withStoreOptions } from './store-options.js'

export function doctorCommand(context: CommandContext): Command {
  return withServerOptions(
    withStoreOptions(new Command('doctor')),
    'the server to look for (default: where `holdfast up` listens)',
  )
    .description(
      'Say what can be reached, in which version, and what to do about what cannot. Exit code 1: something fails.',
    )
    .option('--json', 'one JSON object')
    .action(async (flags) => (await import('../doctor/run-doctor.js')).runDoctor(flags, context))
}
