import type { CommandContext } from '../command-context.js'
import type { ServerFlags, StoreFlags } from '../commands/store-options.js'
import { printable } from '../printable.js'
import { type Settings, settingsOf } from '../settings.js'
import { type Check, failed } from './check.js'
import { checkModel } from './check-model.js'
import { checkNode } from './check-node.js'
import { checkServiceModels } from './check-service-models.js'
import { checkServer } from './check-server.js'
import { checkStore } from './check-store.js'

type DoctorFlags = StoreFlags & ServerFlags & { readonly json?: true }

export async function runDoctor(flags: DoctorFlags, { environment, out, endWith }: CommandContext): Promise<void> {
  const checks = [checkNode(), ...(await checkAll(flags, environment))]
  const ok = checks.every(({ status }) => status !== 'fail')
  if (flags.json === true) await out.json({ ok, checks })
  else await out.write(checks.map(shown).join(''))
  if (!ok) endWith(1)
}

async function checkAll(flags: DoctorFlags, environment: Readonly<NodeJS.ProcessEnv>): Promise<Check[]> {
  let settings: Settings
  try {
    settings = settingsOf(flags, environment)
  } catch (error) {
    return [failed('configuration', error)]
  }
  const { loaded, config } = settings
  const configuration: Check[] = loaded.warnings.map((detail) => ({ name: 'configuration', status: 'warn', detail }))
  if (configuration.length === 0)
    configuration.push({ name: 'configuration', status: 'ok', detail: sourcesOf(settings) })
  const [store, server, model, models] = await Promise.all([
    checkStore(settings),
    checkServer(flags.server ?? config.listen, flags, environment),
    checkModel(config),
    checkServiceModels(config),
  ])
  return [...configuration, ...store, server, model, ...models]
}

function sourcesOf({ loaded }: Settings): string {
  const set = loaded.lines().filter(({ origin }) => origin.from !== 'default')
  if (set.length === 0) return 'all defaults'
  return `${set.map(({ key, origin }) => `${key} from ${origin.name}`).join(', ')}; else defaults`
}

function shown({ name, status, detail, advice }: Check): string {
  const line = `${status.padEnd(4)}  ${name.padEnd(13)}  ${printable(detail)}\n`
  return advice === undefined ? line : `${line}${' '.repeat(21)}→ ${advice}\n`
}
