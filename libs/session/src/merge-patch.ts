import type { JsonObject, JsonValue } from './message.js'
import { isObject } from './validation.js'

/** RFC 7396. Members are compared and set as own properties only: a member `__proto__` is data like any other. */
export function mergePatch(target: JsonValue | undefined, patch: JsonObject): JsonObject {
  const members = new Map<string, JsonValue>(isJsonObject(target) ? Object.entries(target) : [])
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) members.delete(key)
    else members.set(key, isJsonObject(value) ? mergePatch(members.get(key), value) : value)
  }
  return Object.fromEntries(members)
}

function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return isObject(value)
}
