import type { CommandContext } from './command-context.js'
import { reportFailure } from './failure.js'
import { createProgram } from './program.js'

const tracingVariable = /^(?:HOLDFAST_TRACES|OTEL_EXPORTER_OTLP_.*)$/

/** Runs one command to its end. @returns 0, or the exit code of what it failed with, after saying so */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const program = createProgram(context)
  try {
    const parse = async (): Promise<void> => void (await program.parseAsync(args, { from: 'user' }))
    if (Object.keys(context.environment).some((name) => tracingVariable.test(name))) {
      const names = new Set(program.commands.map((command) => command.name()))
      // Only a name of ours: what else stands on the command line is the user's.
      const name = args.find((word) => names.has(word)) ?? 'help'
      const { tracedCommand } = await import('./traces.js')
      await tracedCommand(name, context.environment, parse)
    } else await parse()
    return 0
  } catch (error) {
    const verbose = program.opts<{ verbose?: true }>().verbose === true || (context.environment['DEBUG'] ?? '') !== ''
    return reportFailure(error, context, verbose).catch(() => 70)
  }
}
