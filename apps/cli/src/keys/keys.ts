import { Command, Option } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withServerOptions, withStoreOptions } from '../commands/store-options.js'

/** Where the work is done is loaded when it is called. */
export function keysCommand(context: CommandContext): Command {
  const keys = new Command('keys').description(
    'API keys: who may call a server with authentication. In a store that this command opens, those of all tenants; through a running server, with an admin’s credential, those of its tenant.',
  )
  keys.addCommand(
    withAccess(new Command('create'))
      .description('Make a key and print it, once: only its hash is kept.')
      .addOption(new Option('--role <role>', 'what it may do').choices(['reader', 'writer', 'admin']).default('writer'))
      .option('--tenant <tenant>', 'whose data it reaches; in a store only (default: default)')
      .option('--name <name>', 'what it is for')
      .option(
        '--method <method...>',
        'what it reaches: ChatService, ChatService/GetMessages (default: all of its role)',
      )
      .option('--expires <when>', 'a date, or from now: 30d, 12h, 15m (default: never)')
      .option('--json', 'one JSON object')
      .action(async (flags) => (await import('./run-keys.js')).createKey(flags, context)),
  )
  keys.addCommand(
    withAccess(new Command('list'))
      .description('All keys, oldest first, without their secrets.')
      .option('--tenant <tenant>', 'those of one tenant; in a store only')
      .option('--json', 'one JSON object')
      .action(async (flags) => (await import('./run-keys.js')).listKeys(flags, context)),
  )
  keys.addCommand(
    withAccess(new Command('revoke'))
      .description('Have keys refused by all servers, within a second; what they began ends.')
      .argument('<ids...>')
      .option('--json', 'one JSON object')
      .action(async (ids, flags) => (await import('./run-keys.js')).revokeKeys(ids, flags, context)),
  )
  return keys
}

function withAccess(command: Command): Command {
  return withServerOptions(withStoreOptions(command), 'a running server, instead of opening the store here')
}
