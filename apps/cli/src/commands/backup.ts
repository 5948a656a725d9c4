import { Command, Option } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withStoreOptions } from './store-options.js'

const keyOption = () =>
  new Option('--key-file <file>', '32 bytes as base64 or hex that encrypt it (default: HOLDFAST_BACKUP_KEY, if set)')

/** Where the work is done, one file each, is loaded when it is called. */
export function backupCommand(context: CommandContext): Command {
  const backup = withStoreOptions(new Command('backup'))
    .description(
      'Write all that a store holds into one file, as of one moment, while it is in use (the embedded database: while nobody uses it). The same again after one that was cut goes on.',
    )
    .argument('<file>', '`-`: standard output; replaced when all is written')
    .option('--tenant <id>', 'only what belongs to this tenant')
    .addOption(keyOption())
    .option('--no-tenant-keys', 'without the wrapped keys of encrypted data, which then cannot be read any more')
    .option('--anew', 'leave what a backup into this file that was cut has written')
    .option('--json', 'what it holds as one JSON object; needs a file')
    .action(async (file, flags) => (await import('../backup/run-backup.js')).runBackup(file, flags, context))
  backup.addCommand(
    new Command('verify')
      .description('Read a backup to its end: whether it is whole, unchanged, and readable with the key.')
      .argument('<file>', '`-`: standard input')
      .addOption(keyOption())
      .option('--json', 'what it holds as one JSON object')
      .action(async (file, _flags, command: Command) =>
        // An option that both have is taken by the outer one.
        (await import('../backup/run-verify.js')).runVerify(file, command.optsWithGlobals(), context),
      ),
  )
  return backup
}

export function restoreCommand(context: CommandContext): Command {
  return withStoreOptions(new Command('restore'))
    .description('Put a backup into a store of whatever kind. The same again after one that was cut goes on.')
    .argument('<file>', '`-`: standard input')
    .addOption(keyOption())
    .addOption(
      new Option(
        '--into <what>',
        'a store that holds something is refused (`empty`); or what is there and differs ends it (`fail`), stays (`skip`), goes (`replace`)',
      )
        .choices(['empty', 'fail', 'skip', 'replace'])
        .default('empty'),
    )
    .option('--no-compare', 'do not read everything once more in the end to compare digests')
    .option('--json', 'a summary as one JSON object')
    .action(async (file, flags) => (await import('../backup/run-restore.js')).runRestore(file, flags, context))
}
