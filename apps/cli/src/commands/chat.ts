import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { collect } from '../media/media-options.js'
import { withServerOptions, wholeNumber } from './store-options.js'

export function chatCommand(context: CommandContext): Command {
  return withServerOptions(new Command('chat'), 'default: where `holdfast up` listens')
    .description(
      'Talk to a running server. Ctrl-C stops a reply; at the prompt, twice, it leaves, as Ctrl-D does. When standard input is not a terminal, each line of it is a message.',
    )
    .option('--conversation <id>', 'go on with this one; made if there is none (default: a new one)')
    .option('--user <id>', 'whose conversation it is', 'local')
    .option('--history <n>', 'how many former messages are shown', wholeNumber('--history', 0), 20)
    .option('--config <file>', 'configuration in YAML or JSON')
    .option('--attach <file>', 'a picture or a recording that goes with the first message; may be repeated', collect)
    .option('--spoken <file>', 'have replies read out, the last one into this WAV file')
    .option('--json', 'one JSON object a line for each reply')
    .action(async (flags) => (await import('../chat/run-chat.js')).runChat(flags, context))
}
