import { openContext } from './command-context.js'
import { reportFailure } from './failure.js'
import { createProgram } from './program.js'

const context = openContext()
const program = createProgram(context)
try {
  await program.parseAsync(process.argv)
} catch (error) {
  const verbose = program.opts<{ verbose?: true }>().verbose === true || (process.env['DEBUG'] ?? '') !== ''
  process.exitCode = await reportFailure(error, context, verbose).catch(() => 70)
}
