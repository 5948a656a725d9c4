import { Command, Option } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withServerOptions } from './store-options.js'

export function healthCommand(context: CommandContext): Command {
  return withServerOptions(new Command('health'), 'the server to ask (default: where `holdfast up` listens)')
    .description(
      'Ask a server whether it serves, as orchestrators do, and which models it works with. Exit code 0: it does; 69: it does not, or does not answer.',
    )
    .option('--json', 'one JSON object')
    .addOption(new Option('--config <file>', 'configuration in YAML or JSON'))
    .action(async (flags) => (await import('../doctor/run-health.js')).runHealth(flags, context))
}
