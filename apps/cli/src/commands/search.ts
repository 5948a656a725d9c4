import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withServerOption } from '../media/media-options.js'
import { wholeNumber } from './store-options.js'

export function searchCommand(context: CommandContext): Command {
  return withServerOption(new Command('search'))
    .description('Find what a user said, in conversations and in recordings, by its words and by what it means.')
    .argument('<query>')
    .option('--user <id>', 'whose messages', 'local')
    .option('--limit <n>', 'at most so many', wholeNumber('--limit', 1), 10)
    .option('--json', 'one JSON object')
    .action(async (query, flags) => (await import('../media/search.js')).search(query, flags, context))
}
