import protobuf from 'protobufjs'

/** What goes into the fields of requests that name something. */
export interface Plant {
  /** By the name of a field: `conversation_id`. */
  readonly named: Readonly<Record<string, string>>
  /** Into every field that names something, in place of what its name asks for. */
  readonly everywhere?: string
}

/** Names of things, as opposed to what somebody says. */
const naming = /(^|_)(id|ids|key|keys|name|graph|token|cursor|label|labels|version|node|user)$|^(tag|tags)$/

/** What fields need that are no names, so that a call gets as far as it can. */
const contents: Readonly<Record<string, string>> = {
  cron: '0 3 * * *',
  sha256: '',
  content_type: 'text/plain',
  text: 'hello',
}

/** A request of any type, with everything in it that it can hold and the plant wherever something is named. */
export function plantedRequest(type: protobuf.Type, plant: Plant, depth = 0): Record<string, unknown> {
  const request: Record<string, unknown> = {}
  for (const field of chosenFields(type)) {
    if (field instanceof protobuf.MapField) continue
    const value = valueOf(field.resolve(), plant, depth)
    if (value !== undefined) request[field.name] = field.repeated ? [value] : value
  }
  return request
}

/** Of alternatives the one that names something, else the first. */
function chosenFields(type: protobuf.Type): protobuf.Field[] {
  return type.fieldsArray.filter(({ partOf, name }) => {
    if (partOf === null || partOf.fieldsArray.length === 1) return true
    const named = partOf.fieldsArray.find((one) => naming.test(snake(one.name))) ?? partOf.fieldsArray[0]
    return named?.name === name
  })
}

function valueOf(field: protobuf.Field, plant: Plant, depth: number): unknown {
  const { type, resolvedType } = field
  const name = snake(field.name)
  if (resolvedType instanceof protobuf.Enum) return Object.values(resolvedType.values).find((value) => value > 0)
  if (resolvedType instanceof protobuf.Type) {
    if (depth > 3 || resolvedType.fullName.startsWith('.google.protobuf.')) return undefined
    return plantedRequest(resolvedType, plant, depth + 1)
  }
  // A condition on what is there would tell whose turn it is, not whose thing.
  if (name.startsWith('if_')) return undefined
  if (type === 'bool') return name === 'paused' || name === 'with_nodes'
  if (type === 'bytes') return Buffer.alloc(0)
  if (type !== 'string') return name.endsWith('seq') && !/^(before|after)/.test(name) ? 1 : 0
  if (name.endsWith('_json')) return '{}'
  if (naming.test(name)) return plant.everywhere ?? plant.named[name] ?? ''
  return contents[name] ?? plant.named[name] ?? ''
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
