import type { GrpcService } from '@holdfast/server'
import { type Config, type ServedService, servedServices } from '@holdfast/server'

/** Whether this process serves a service, and does its work. */
export function isServed({ services }: Pick<Config, 'services'>, name: ServedService): boolean {
  return services.serve?.includes(name) ?? true
}

/** Those that this process serves. What is not a service of its own, as `holdfast.access.v1`, belongs to each. */
export function onlyServed(config: Pick<Config, 'services'>, services: readonly GrpcService[]): GrpcService[] {
  return services.filter(({ name }) => {
    const found = servedServices.find((one) => name.startsWith(`holdfast.${one.replaceAll('-', '_')}.`))
    return found === undefined || isServed(config, found)
  })
}
