import { Command } from 'commander'
import type { CommandContext } from '../command-context.js'
import { type ListenFlags, type StoreFlags, withStoreOptions } from './store-options.js'
import { table } from '../printable.js'

export function configCommand(context: CommandContext): Command {
  return withStoreOptions(new Command('config'))
    .description('Show what is in force and where each value comes from; secrets are masked.')
    .option('--listen <host:port>', 'as `holdfast up` takes it')
    .option('--metrics <host:port>', 'as `holdfast up` takes it')
    .option('--auth <kinds>', 'as `holdfast up` takes it')
    .option('--json', 'one JSON object')
    .action((flags: StoreFlags & ListenFlags & { readonly json?: true }) => showConfig(flags, context))
}

async function showConfig(
  flags: StoreFlags & ListenFlags & { readonly json?: true },
  { environment, err, out }: CommandContext,
): Promise<void> {
  const { settingsOf } = await import('../settings.js')
  const { loaded } = settingsOf(flags, environment)
  const lines = loaded.lines()
  if (flags.json === true) {
    const settings = lines.map(({ key, value, origin, variable, flag, description }) => {
      return { key, value: value ?? null, from: origin.from, name: origin.name, variable, flag, description }
    })
    await out.json({ settings, warnings: loaded.warnings })
    return
  }
  const rows = lines.map(({ key, value, origin }) => {
    const from = origin.from === 'default' ? 'default' : `${origin.from} ${origin.name}`
    return [key, value === undefined ? '(not set)' : shown(value), from]
  })
  await out.write(table(['setting', 'value', 'from'], rows))
  for (const warning of loaded.warnings) await err.line(`holdfast: warning: ${warning}`)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
