import type { AgentInputItem } from '@openai/agents-core'
import { invalidField } from '@holdfast/errors'

/** An item as the text that is stored: the order of its members stays, so that the same history makes the same prompt, byte for byte.
 *  @throws INVALID_ARGUMENT where JSON would silently store something else */
export function encodeItem(item: AgentInputItem, field: string): string {
  if (typeof item !== 'object' || item === null) throw invalidField(field, 'must be an object')
  return JSON.stringify(item, function check(this: unknown, name: string, value: unknown) {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw invalidField(field, `has a number that JSON cannot hold at ${name}`)
    }
    if (typeof value === 'bigint') throw invalidField(field, `has a bigint at ${name}`)
    if (ArrayBuffer.isView(value)) throw invalidField(field, `has bytes at ${name}: put them in as a data URL`)
    return value
  })
}

export function decodeItem(json: string): AgentInputItem {
  return JSON.parse(json) as AgentInputItem
}
