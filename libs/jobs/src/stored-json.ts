import { createHash } from 'node:crypto'
import { encodeJson, type Scope } from '@holdfast/persistence'

/** A JSON value in the document of its job, or in a blob that the job links. `undefined` is kept as an empty object. */
export type StoredJson = { readonly json?: unknown } | { readonly blob: string; readonly sizeBytes: number }

/** Larger ones would be written again with every change of their job's document. */
const maxInlineBytes = 64 * 1024

export const jsonContentType = 'application/json'

/** @param value as `asStored` makes it
 *  @throws INVALID_ARGUMENT if it is not JSON */
export async function storeJson(scope: Scope, value: unknown, field: string): Promise<StoredJson> {
  if (value === undefined) return {}
  const text = encodeJson(value, field)
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  if (text.length * 3 <= maxInlineBytes) return { json: value }
  const bytes = Buffer.from(text)
  if (bytes.length <= maxInlineBytes) return { json: value }
  const { hash, sizeBytes } = await scope.blobs.put(bytes, { contentType: jsonContentType })
  return { blob: hash, sizeBytes }
}

/** A value as it comes back when it was stored: dates as texts, no members that are `undefined`, nothing shared with the original. */
export function asStored(value: unknown, field: string): unknown {
  if (value === undefined || value === null) return value
  const text = encodeJson(value, field)
  return typeof value === 'object' ? JSON.parse(text) : value
}

export async function loadJson(scope: Scope, stored: StoredJson): Promise<unknown> {
  if (!('blob' in stored)) return stored.json
  return JSON.parse((await scope.blobs.bytes(stored.blob)).toString('utf8'))
}

export function blobsOf(...values: readonly (StoredJson | undefined)[]): string[] {
  return values.flatMap((value) => (value !== undefined && 'blob' in value ? [value.blob] : []))
}

/** sha256 of a value: the same for objects whose members stand in another order. */
export function jsonHash(value: unknown): string {
  const text = JSON.stringify(value, (_, member: unknown) => (isRecord(member) ? sorted(member) : member))
  return createHash('sha256')
    .update(text ?? 'undefined')
    .digest('hex')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1))
  // fromEntries defines members, so that `__proto__` stays one.
  return Object.fromEntries(entries)
}
