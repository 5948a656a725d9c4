import { HoldfastError } from '@holdfast/errors'
import type { ServiceModel } from '@holdfast/models'
import type { Config, ServiceModelConfig } from '@holdfast/server'
import type { CommandContext } from '../command-context.js'
import type { StoreFlags } from '../commands/store-options.js'
import { table } from '../printable.js'
import { modelConfigOf, openServiceModel, services } from '../service-models.js'
import { settingsOf } from '../settings.js'

type Service = (typeof services)[number]

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
  const look = async (service: Service, given: ServiceModelConfig, isChosen: boolean): Promise<Known> => {
    await using model = await openServiceModel(service, given)
    const { name, provider } = model
    const { ok, detail } = await model.check()
    return { service, name, provider, isChosen, isInstalled: ok, detail }
  }
  const lists = await Promise.all(
    services.map(async (service) => {
      const chosen = await look(service, modelConfigOf(config, service), true)
      const others = localModelNames[service].filter((name) => name !== chosen.name || chosen.provider !== 'local')
      return [chosen, ...(await Promise.all(others.map((name) => look(service, { provider: 'local', name }, false))))]
    }),
  )
  return lists.flat()
}

/** All local models are npm packages, which npm installs and removes: this says whether there is something to do, and what.
 *  @throws NOT_FOUND if there is no such model; FAILED_PRECONDITION with the command that installs it */
export async function installModel(name: string, flags: StoreFlags, context: CommandContext): Promise<void> {
  const { isInstalled, detail } = await localModel(name, flags, context)
  if (!isInstalled) throw new HoldfastError('FAILED_PRECONDITION', detail, { reason: 'MODEL_NOT_INSTALLED' })
  await context.out.line(detail)
}

async function localModel(name: string, flags: StoreFlags, { environment }: CommandContext): Promise<Known> {
  const known = await knownModels(settingsOf(flags, environment).config)
  const local = known.filter(({ provider }) => provider === 'local')
  const found = local.find((model) => model.name === name)
  if (found !== undefined) return found
  const names = local.map((model) => model.name).join(', ')
  throw new HoldfastError('NOT_FOUND', `There is no local model ${name}: known are ${names}`)
}
