import type { Prices } from '@holdfast/jobs'
import type { Config, ServiceModelConfig } from '@holdfast/server'

type Services = Config['models']

/** What is configured of a service's model; an endpoint that is not named is that of the chat model. */
export function modelConfigOf<Service extends keyof Services>(config: Config, service: Service): Services[Service] {
  const given = config.models[service]
  if (given.provider !== 'openai' || given.baseUrl !== undefined) return given
  const { baseUrl, apiKey } = config.model
  return { ...given, baseUrl, apiKey: given.apiKey ?? apiKey }
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
