import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withStoreOptions } from './store-options.js'

export function indexesCommand(context: CommandContext): Command {
  return withStoreOptions(new Command('indexes'))
    .description(
      'Say which indexes are declared and which are there, which nobody uses, and which queries have none. Exit code 1: they differ.',
    )
    .option('--collection <name>', 'only those of this collection')
    .option('--drop <name>', 'drop an index that is not declared any more, without blocking writers')
    .option('--json', 'one JSON object')
    .action(async (flags) => (await import('../indexes/run-indexes.js')).runIndexes(flags, context))
}
