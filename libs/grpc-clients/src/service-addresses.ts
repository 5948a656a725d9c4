import { invalidField } from '@holdfast/errors'

/** Services as addresses name them. */
export const serviceNames = [
  'access',
  'chat',
  'artifacts',
  'speech-to-text',
  'text-to-speech',
  'vision',
  'image-generation',
  'dag',
  'models',
] as const

export type ServiceName = (typeof serviceNames)[number]

/** Where each service is: the addresses that are given for it, else those that are given for none, else all: the server there says that
 *  it does not have the service.
 *  @throws INVALID_ARGUMENT that names `address` */
export function serviceAddresses(address: string | readonly string[]): ReadonlyMap<ServiceName, readonly string[]> {
  const list = (typeof address === 'string' ? address.split(',') : address).map((each) => each.trim())
  if (list.length === 0 || list.includes('')) throw invalidField('address', 'must be host:port, at least one')
  const given = list.map((one): readonly [name: string | undefined, address: string] => {
    const [, name, rest] = /^([a-z-]+)=(.+)$/.exec(one) ?? []
    return rest === undefined ? [undefined, one] : [name, rest]
  })
  const unknown = given.find(([name]) => name !== undefined && !serviceNames.some((service) => service === name))
  if (unknown !== undefined) {
    throw invalidField('address', `must be for one of ${serviceNames.join(', ')}, not for ${unknown[0]}`)
  }
  const addressesFor = (wanted: string | undefined): readonly string[] =>
    given.flatMap(([name, one]) => (name === wanted ? [one] : []))
  const all = given.map(([, one]) => one)
  return new Map(
    serviceNames.map((service) => [
      service,
      [addressesFor(service), addressesFor(undefined), all].find((some) => some.length > 0) ?? [],
    ]),
  )
}
