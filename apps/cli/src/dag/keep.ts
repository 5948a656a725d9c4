import type { CommandContext } from '../command-context.js'
import { readGraphFile } from './graph-file.js'
import { type ServiceFlags, withServices } from '../access/with-services.js'

export async function keepGraph(
  file: string,
  flags: ServiceFlags & { readonly json?: true },
  context: CommandContext,
): Promise<void> {
  const text = await readGraphFile(file, context)
  await withServices(flags, context, async (clients) => {
    const { graph } = await clients.dag.createGraph({ graph: text })
    const { name = '', version = '' } = graph ?? {}
    if (flags.json === true) await context.out.json({ name, version })
    else await context.out.line(`${name} is kept, version ${version.slice(0, 12)}`)
  })
}

export async function deleteGraph(name: string, flags: ServiceFlags, context: CommandContext): Promise<void> {
  await withServices(flags, context, async ({ dag }) => void (await dag.deleteGraph({ name })))
}
