import { invalidField } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import type { CommandContext } from '../command-context.js'
import { replacement } from '../replacement.js'

/** Refuses to fill a terminal with bytes, and to make something that goes nowhere. */
export function checkOutput(output: string | undefined, { out }: CommandContext): string {
  if (output === undefined) throw invalidField('-o, --output', 'is missing: name a file, or `-` for standard output')
  if (output === '-' && out.isTerminal) {
    throw invalidField('-o, --output', 'is a terminal: redirect standard output, or name a file')
  }
  return output
}

/** Writes an artifact to a file, in one step, or to standard output for `-`. */
export async function save(
  clients: Clients,
  artifactId: string,
  output: string,
  context: CommandContext,
): Promise<void> {
  const { body } = await clients.artifacts.download({ artifactId }, { signal: context.signal })
  await writeAll(body, output, context)
}

export async function writeAll(
  body: AsyncIterable<Uint8Array>,
  output: string,
  { out }: CommandContext,
): Promise<void> {
  if (output === '-') {
    for await (const bytes of body) await out.write(bytes)
    return
  }
  const file = await replacement(output)
  try {
    for await (const bytes of body) await file.write(bytes)
    await file.keep()
  } finally {
    await file.drop()
  }
}
