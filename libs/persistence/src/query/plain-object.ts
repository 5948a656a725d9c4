import { invalidField } from '@holdfast/errors'

/** An object literal or what JSON.parse makes, of any realm; not an array, a Date, a RegExp, a Map or another class's. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  // Object.prototype of another realm, such as a test runner's.
  return typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null && 'isPrototypeOf' in prototype
}

/** All own members, also those that enumeration hides: what is overlooked in a filter would make it match more.
 *  @throws INVALID_ARGUMENT if it is no plain object or has symbols for keys */
export function membersOf(value: unknown, at: string): (readonly [string, unknown])[] {
  if (!isPlainObject(value)) throw invalidField(at, `must be a plain object, not ${describe(value)}`)
  return Reflect.ownKeys(value).map((key) => {
    if (typeof key === 'symbol') throw invalidField(at, 'has a symbol as a key')
    return [key, value[key]]
  })
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an instance of a class' : `a ${typeof value}`
}
