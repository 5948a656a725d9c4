import { HoldfastError } from '@holdfast/errors'
import type { InstallOptions, ServiceModel } from '@holdfast/models'
import type { Config, ServiceModelConfig } from '@holdfast/server'
import type { CommandContext } from '../command-context.js'
import type { StoreFlags } from '../commands/store-options.js'
import { table } from '../printable.js'
import { startProgress } from '../progress.js'
import { modelConfigOf, openServiceModel, services } from '../service-models.js'
import { settingsOf } from '../settings.js'

type Service = (typeof services)[number]
type Given = ServiceModelConfig & Pick<Config, 'modelsFolder'>

interface Known {
  readonly service: Service
  readonly name: string
  readonly provider: ServiceModel['provider']
  /** Whether calls of the service go to it. */
  readonly isChosen: boolean
  readonly isInstalled: boolean
  readonly detail: string
}

/** The local models, and those of endpoints that are configured; loads none. */
export async function listModels(flags: StoreFlags & { readonly json?: true }, context: CommandContext): Promise<void> {
  const { config } = settingsOf(flags, context.environment)
  const known = await knownModels(config)
  if (flags.json === true) {
    await context.out.json({ models: known })
    return
  }
  const rows = known.map(({ service, name, provider, isChosen, isInstalled, detail }) => [
    service,
    name,
    provider === 'local' ? 'local' : 'endpoint',
    isChosen ? 'yes' : '',
    isInstalled ? 'yes' : 'no',
    detail,
  ])
  await context.out.write(table(['service', 'model', 'where', 'in use', 'ready', 'note'], rows))
}

export async function knownModels(config: Config): Promise<Known[]> {
  const { localModelNames } = await import('@holdfast/models')
  const { modelsFolder } = config
  const look = async (service: Service, given: Given, isChosen: boolean): Promise<Known> => {
    await using model = await openServiceModel(service, given)
    const { name, provider } = model
    const { ok, detail } = await model.check()
    return { service, name, provider, isChosen, isInstalled: ok, detail }
  }
  const lists = await Promise.all(
    services.map(async (service) => {
      const chosen = await look(service, modelConfigOf(config, service), true)
      const others = localModelNames[service].filter((name) => name !== chosen.name || chosen.provider !== 'local')
      return [
        chosen,
        ...(await Promise.all(others.map((name) => look(service, { provider: 'local', name, modelsFolder }, false)))),
      ]
    }),
  )
  return lists.flat()
}

/** Brings a local model that is installed by this command. The others are npm packages, which npm installs: of those it says whether there is
 *  something to do, and what.
 *  @throws NOT_FOUND if there is no such model; FAILED_PRECONDITION with the command that installs it; as installKokoro does */
export async function installModel(name: string, flags: StoreFlags, context: CommandContext): Promise<void> {
  const { isInstalled, detail, installation } = await localModel(name, flags, context)
  if (isInstalled) {
    await context.out.line(detail)
    return
  }
  if (installation === undefined) {
    throw new HoldfastError('FAILED_PRECONDITION', detail, { reason: 'MODEL_NOT_INSTALLED' })
  }
  const progress = startProgress(context.err, `installing ${name}`)
  try {
    await installation.install({
      signal: context.signal,
      onProgress: ({ done, total }) => progress.update(done, total),
    })
  } finally {
    progress.stop()
  }
  await context.out.line(`The model ${name} is installed in ${installation.folder}`)
}

/** @throws NOT_FOUND if there is no such model; FAILED_PRECONDITION if npm installed it */
export async function removeModel(name: string, flags: StoreFlags, context: CommandContext): Promise<void> {
  const { installation } = await localModel(name, flags, context)
  if (installation === undefined) {
    throw new HoldfastError('FAILED_PRECONDITION', `The model ${name} consists of npm packages: npm removes them`)
  }
  const wasThere = await installation.remove()
  await context.out.line(`The model ${name} ${wasThere ? 'is removed from' : 'was not in'} ${installation.folder}`)
}

async function localModel(name: string, flags: StoreFlags, { environment }: CommandContext) {
  const { config } = settingsOf(flags, environment)
  const known = await knownModels(config)
  const local = known.filter(({ provider }) => provider === 'local')
  const found = local.find((model) => model.name === name)
  if (found !== undefined) return { ...found, installation: await installationOf(name, config) }
  const names = local.map((model) => model.name).join(', ')
  throw new HoldfastError('NOT_FOUND', `There is no local model ${name}: known are ${names}`)
}

async function installationOf(name: string, { modelsFolder }: Config) {
  const { defaultModelsFolder, installKokoro, removeKokoro } = await import('@holdfast/models')
  if (name !== 'kokoro') return undefined
  const folder = modelsFolder ?? defaultModelsFolder
  return {
    folder,
    install: (options: InstallOptions) => installKokoro(folder, options),
    remove: () => removeKokoro(folder),
  }
}
