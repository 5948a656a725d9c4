import { HoldfastError } from '@holdfast/errors'
import type { CommandContext } from '../command-context.js'
import type { ServerFlags } from '../commands/store-options.js'
import { printable } from '../printable.js'
import { serverClients } from '../server-clients.js'
import { readGraphFile } from './graph-file.js'

interface ValidateFlags extends ServerFlags {
  readonly json?: true
}

export async function validate(file: string, flags: ValidateFlags, context: CommandContext): Promise<void> {
  const { out } = context
  const text = await readGraphFile(file, context)
  const problems = await problemsOf(text, flags, context.environment)
  if (flags.json === true) await out.json({ valid: problems.length === 0, problems })
  else if (problems.length === 0) await out.line(`${file} is valid`)
  else for (const { path, message } of problems) await out.line(printable(`${path} ${message}`.trim()))
  if (problems.length > 0)
    throw new HoldfastError(
      'INVALID_ARGUMENT',
      `${file} has ${problems.length} problem${problems.length === 1 ? '' : 's'}`,
      { reason: 'GRAPH_INVALID' },
    )
}

async function problemsOf(
  graph: string,
  flags: ServerFlags,
  environment: Readonly<NodeJS.ProcessEnv>,
): Promise<readonly { readonly path: string; readonly message: string }[]> {
  if (flags.server !== undefined) {
    await using clients = serverClients(flags.server, flags, environment)
    return (await clients.dag.validateGraph({ graph })).problems
  }
  const { graphProblems } = await import('@holdfast/dag-execution')
  return graphProblems(graph)
}
