import { Command, Option } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withStoreOptions } from './store-options.js'

/** Where the work is done, one file each, is loaded when it is called. */
export function dataCommand(context: CommandContext): Command {
  const data = new Command('data').description(
    'Move everything that a store holds (documents, logs, blobs) out of it and into another, of whatever kind.',
  )
  data.addCommand(
    withStoreOptions(new Command('export'))
      .description('Write all of it as JSON lines that `import` takes back.')
      .argument('<file>', '`-`: standard output; compressed if it ends in .gz; replaced when all is written')
      .option('--tenant <id>', 'only what belongs to this tenant')
      .option('--keys', 'with the wrapped keys of encrypted data, which only the master key opens')
      .option('--json', 'a summary as one JSON object; needs a file')
      .action(async (file, flags) => (await import('./data-export.js')).runDataExport(file, flags, context)),
  )
  data.addCommand(
    withStoreOptions(new Command('import'))
      .description('Take in an export. What is there already stays, so that it can be repeated and taken up again.')
      .argument('<file>', '`-`: standard input; compressed if it ends in .gz')
      .addOption(
        new Option('--format <format>', '`holdfast`, as `export` writes it, or `mongodb`, as mongoexport does')
          .choices(['holdfast', 'mongodb'])
          .default('holdfast'),
      )
      .option('--collection <name>', 'mongodb: where the documents go')
      .option('--tenant <id>', 'whose it is to be; holdfast: only for an export of one tenant')
      .addOption(
        new Option(
          '--on-conflict <what>',
          'what is there and differs: `fail` (default), `skip` (default of mongodb) or `replace`',
        ).choices(['fail', 'skip', 'replace']),
      )
      .addOption(
        new Option('--inexact <what>', 'mongodb: values that JSON cannot hold exactly: `refuse` or keep as `text`')
          .choices(['refuse', 'text'])
          .default('refuse'),
      )
      .option('--json', 'a summary as one JSON object')
      .action(async (file, flags) => (await import('./data-import.js')).runDataImport(file, flags, context)),
  )
  return data
}
