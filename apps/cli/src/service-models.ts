import type { Prices } from '@holdfast/jobs'
import type { ServiceModel } from '@holdfast/models'
import type { Config, ServiceModelConfig } from '@holdfast/server'

type Services = Config['models']

export const services: readonly (keyof Services)[] = ['transcription', 'speech', 'vision', 'image', 'embedding']

/** What is configured of a service's model; an endpoint that is not named is that of the chat model. */
export function modelConfigOf<Service extends keyof Services>(
  config: Config,
  service: Service,
): Services[Service] & Pick<Config, 'modelsFolder'> {
  const { modelsFolder } = config
  const { baseUrl, apiKey } = config.model
  const given = config.models[service]
  const isWhole = given.provider !== 'openai' || given.baseUrl !== undefined
  const whole: Services[Service] = isWhole ? given : { ...given, baseUrl, apiKey: given.apiKey ?? apiKey }
  return { ...whole, modelsFolder }
}

/** Loads nothing of it; to be disposed. @throws INVALID_ARGUMENT if it is configured by half, or wrong */
export async function openServiceModel(
  service: keyof Services,
  config: ServiceModelConfig & Pick<Config, 'modelsFolder'>,
): Promise<ServiceModel> {
  const models = await import('@holdfast/models')
  switch (service) {
    case 'transcription':
      return models.transcriptionModelFromConfig(config)
    case 'speech':
      return models.speechModelFromConfig(config)
    case 'vision':
      return models.visionModelFromConfig(config)
    case 'image':
      return models.imageModelFromConfig(config)
    case 'embedding':
      return models.embeddingModelFromConfig(config)
  }
}

/** By the name of the model, as the work on jobs names it. */
export function pricesOf(
  config: Config,
  models: readonly { readonly service: keyof Services; readonly name: string }[],
): Prices {
  const priced = models.flatMap(({ service, name }): [string, NonNullable<ServiceModelConfig['price']>][] => {
    const { price } = config.models[service]
    return price === undefined ? [] : [[name, price]]
  })
  return Object.fromEntries(priced)
}
