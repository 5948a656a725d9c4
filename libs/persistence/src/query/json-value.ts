import type { JsonValue } from './predicate.js'

export type JsonObject = { readonly [key: string]: JsonValue }

export function isJsonArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own member only: `constructor` of an object without such a key is missing, not a function. */
export function memberOf(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** A copy with one member set, in its place or at the end. `__proto__` becomes a plain member: spreading defines, and so does
 *  defineProperty, where an assignment would change the prototype. */
export function withMember(object: JsonObject, key: string, value: JsonValue): JsonObject {
  const copy = { ...object }
  return Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true })
}

/** Equality of values: numbers by value, objects whatever the order of their keys. MongoDB heeds the order; JSONB does not
 *  keep it, and no caller should depend on it. */
export function sameJson(a: JsonValue, b: JsonValue): boolean {
  if (a === b) return true
  if (isJsonArray(a)) {
    return isJsonArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index] ?? null))
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key] ?? null, b[key] ?? null))
  )
}

/** JSON text that is the same for values that are the same: keys sorted, nothing but what JSON needs. */
export function canonicalJson(value: JsonValue): string {
  if (isJsonArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (!isJsonObject(value)) return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`)
  return `{${members.join(',')}}`
}
