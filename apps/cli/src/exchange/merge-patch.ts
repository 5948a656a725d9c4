import type { JsonObject, JsonValue } from '@holdfast/session'
import { canonicalJson } from './canonical-json.js'

/** The JSON merge patch (RFC 7396) that makes `from` into `to`; `undefined`: they are equal. `to` must not hold a null member,
 *  which no merge patch can make. */
export function mergePatchBetween(from: JsonObject, to: JsonObject): JsonObject | undefined {
  const before = new Map(Object.entries(from))
  const patch = new Map<string, JsonValue>()
  for (const key of before.keys()) if (!Object.hasOwn(to, key)) patch.set(key, null)
  for (const [key, value] of Object.entries(to)) {
    const former = before.get(key)
    if (former === undefined) patch.set(key, value)
    else if (isJsonObject(former) && isJsonObject(value)) {
      const inner = mergePatchBetween(former, value)
      if (inner !== undefined) patch.set(key, inner)
    } else if (canonicalJson(former) !== canonicalJson(value)) patch.set(key, value)
  }
  // fromEntries defines its keys: `__proto__` stays a plain member.
  return patch.size === 0 ? undefined : Object.fromEntries(patch)
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
