import { inspect } from 'node:util'
import { asHoldfastError } from '@holdfast/errors'
import { CommanderError } from 'commander'
import type { CommandContext } from './command-context.js'
import { exitCodeOf } from './exit-codes.js'
import { OutputClosed } from './output.js'

/** Says on one line what failed, `holdfast: CODE: message`, and answers the exit code. */
export async function reportFailure(error: unknown, { err }: CommandContext, verbose: boolean): Promise<number> {
  if (error instanceof OutputClosed) return 0
  if (error instanceof CommanderError) return reportUsage(error, err.line.bind(err))
  const failure = asHoldfastError(error, 'The command')
  const named = failure.fields.filter(({ field }) => !failure.message.includes(field)).map(({ field }) => field)
  const fields = named.length === 0 ? '' : ` (${named.join(', ')})`
  await err.line(`holdfast: ${failure.code}: ${oneLine(failure.message)}${fields}`)
  if (verbose) await err.line(inspect(failure))
  return exitCodeOf(failure.code)
}

async function reportUsage(error: CommanderError, line: (text: string) => Promise<void>): Promise<number> {
  // Help and version, asked for; or help because there was no subcommand, which commander has printed.
  if (error.exitCode === 0) return 0
  if (error.code !== 'commander.help') {
    await line(`holdfast: INVALID_ARGUMENT: ${oneLine(error.message.replace(/^error: /, ''))}`)
  }
  return exitCodeOf('INVALID_ARGUMENT')
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ')
}
