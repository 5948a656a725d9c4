import { Command, Option } from 'commander'
import type { CommandContext } from '../command-context.js'
import { wholeNumber, withServerOptions } from './store-options.js'

export function smokeCommand(context: CommandContext): Command {
  return withServerOptions(new Command('smoke'), 'the same as --address')
    .description(
      'Try a deployment: start-up, health, create, read, update, delete, stream, errors, jobs and graphs where they are served. Exit code 1: something fails.',
    )
    .option(
      '--address <host:port>',
      'where it listens; several with commas between them, `chat=host:port` for one service',
    )
    .addOption(
      new Option('--timeout <seconds>', 'how long it may take, start-up included')
        .argParser(wholeNumber('--timeout', 2))
        .default(10),
    )
    .option('--json', 'one JSON object')
    .action(async (flags) => (await import('../smoke/run-smoke.js')).runSmoke(flags, context))
}
