import type { CommandContext } from './command-context.js'
import { reportFailure } from './failure.js'
import { createProgram } from './program.js'

/** Runs one command to its end. @returns 0, or the exit code of what it failed with, after saying so */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const program = createProgram(context)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    const verbose = program.opts<{ verbose?: true }>().verbose === true || (context.environment['DEBUG'] ?? '') !== ''
    return reportFailure(error, context, verbose).catch(() => 70)
  }
}
