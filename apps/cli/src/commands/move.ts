import { Command, Option } from 'commander'
import type { CommandContext } from '../command-context.js'

export function moveCommand(context: CommandContext): Command {
  return new Command('move')
    .description(
      'Copy a store into another while it is in service, then let it refuse writes, copy what is left, and compare. The same again goes on.',
    )
    .requiredOption('--from <url>', 'postgres://… or embedded:FOLDER, which must be in use by nobody')
    .option('--to <url>', 'the same; an empty one')
    .option('--copy-only', 'only copy; the source goes on as before')
    .option('--writers-stopped', 'the source is no PostgreSQL, and nobody writes to it')
    .option('--replace', 'what the target holds and the source has not goes: to move back to where it came from')
    .addOption(
      new Option(
        '--end-fence',
        'instead: let a source that was moved away take writes again, if --to has not been written to since',
      ).conflicts(['copyOnly', 'replace']),
    )
    .option('--force', 'with --end-fence: whatever was written to --to')
    .option('--json', 'a summary as one JSON object')
    .action(async (flags) => (await import('../move/run-move.js')).runMove(flags, context))
}
