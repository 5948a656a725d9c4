import { Command, Option } from 'commander'
import type { CommandContext } from '../command-context.js'
import { wholeNumber } from './store-options.js'

export function smokeCommand(context: CommandContext): Command {
  return new Command('smoke')
    .description(
      'Try a deployment: start-up, health, create, read, update, delete, stream, errors, jobs and graphs where they are served. Exit code 1: something fails.',
    )
    .option(
      '--address <host:port>',
      'where it listens; several with commas between them, `chat=host:port` for one service',
    )
    .option('--server <host:port>', 'the same')
    .addOption(
      new Option('--timeout <seconds>', 'how long it may take, start-up included')
        .argParser(wholeNumber('--timeout', 2))
        .default(10),
    )
    .addOption(
      new Option(
        '--token <token>',
        'an API key or a token for it; HOLDFAST_TOKEN keeps it out of the list of processes',
      ).conflicts('tokenFile'),
    )
    .option('--token-file <file>', 'a file that holds it')
    .option('--tls', 'call it over TLS')
    .option('--tls-ca <file>', 'roots to trust, in PEM (default: the system’s)')
    .option('--client-certificate <file>', 'the own certificate, in PEM, for servers that ask for one')
    .option('--client-key <file>', 'its private key, in PEM')
    .option('--tls-server-name <name>', 'the name that its certificate has to have (default: the host)')
    .option('--json', 'one JSON object')
    .action(async (flags) => (await import('../smoke/run-smoke.js')).runSmoke(flags, context))
}
