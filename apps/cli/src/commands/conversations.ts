import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { withServerOptions, withStoreOptions, wholeNumber } from './store-options.js'

/** Where the work is done, one file each, is loaded when it is called. */
export function conversationsCommand(context: CommandContext): Command {
  const conversations = new Command('conversations').description(
    'List, show, export, import and delete conversations, in a store that this command opens or through a running server.',
  )
  conversations.addCommand(
    withAccessOptions(new Command('list'))
      .description('Newest activity first.')
      .option('--user <id>', 'only those of this user')
      .option('--limit <n>', 'at most so many (default: 50)', wholeNumber('--limit', 1))
      .option('--all', 'all of them')
      .option('--json', 'one JSON object')
      .action(async (flags) => (await import('./conversations-list.js')).listConversations(flags, context)),
  )
  conversations.addCommand(
    withAccessOptions(new Command('show'))
      .description('Its messages and its state.')
      .argument('<id>')
      .option('--last <n>', 'only the last messages', wholeNumber('--last', 1))
      .option('--json', 'one JSON object')
      .action(async (id, flags) => (await import('./conversations-show.js')).showConversation(id, flags, context)),
  )
  conversations.addCommand(
    withAccessOptions(new Command('export'))
      .description('Write conversations as JSON lines that `import` takes back.')
      .argument('[ids...]', 'default: all, ordered by id')
      .option('--user <id>', 'only those of this user')
      .option('--output <file>', 'instead of standard output; replaced when all is written')
      .option('--json', 'a summary as one JSON object; needs --output')
      .action(async (ids, flags) => (await import('./conversations-export.js')).runExport(ids, flags, context)),
  )
  conversations.addCommand(
    withAccessOptions(new Command('import'))
      .description(
        'Take in conversations. What is there already stays as it is, so that it can be repeated and taken up again.',
      )
      .argument('[files...]', '`-` or none: standard input')
      .option('--format <format>', '`jsonl`, as `export` writes it, or `sgd`: Schema-Guided Dialogue', 'jsonl')
      .option('--user <id>', 'sgd: whose the conversations are to be', 'sgd')
      .option('--concurrency <n>', 'conversations at once', wholeNumber('--concurrency', 1), 32)
      .option('--json', 'a summary as one JSON object')
      .action(async (files, flags) => (await import('./conversations-import.js')).runImport(files, flags, context)),
  )
  conversations.addCommand(
    withAccessOptions(new Command('delete'))
      .description('Delete conversations with their messages, replies and state, for good.')
      .argument('<ids...>')
      .option('--yes', 'do not ask')
      .option('--json', 'a summary as one JSON object')
      .action(async (ids, flags) =>
        (await import('./conversations-delete.js')).deleteConversations(ids, flags, context),
      ),
  )
  return conversations
}

function withAccessOptions(command: Command): Command {
  return withServerOptions(withStoreOptions(command), 'a running server, instead of opening the store here')
}
