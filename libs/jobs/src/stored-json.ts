import { createHash } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Scope } from '@holdfast/persistence'

/** A JSON value in the document of its job, or in a blob that the job links. `undefined` is kept as an empty object. */
export type StoredJson = { readonly json?: unknown } | { readonly blob: string; readonly sizeBytes: number }

/** Larger ones would be written again with every change of their job's document. */
const maxInlineBytes = 64 * 1024

export const jsonContentType = 'application/json'

/** @returns the value with its text, and what to link if it went into a blob
 *  @throws INVALID_ARGUMENT if it is not JSON */
export async function storeJson(scope: Scope, value: unknown, field: string): Promise<StoredJson> {
  if (value === undefined) return {}
  const text = jsonText(value, field)
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  if (text.length * 3 <= maxInlineBytes) return { json: value }
  const bytes = Buffer.from(text)
  if (bytes.length <= maxInlineBytes) return { json: value }
  const { hash, sizeBytes } = await scope.blobs.put(bytes, { contentType: jsonContentType })
  return { blob: hash, sizeBytes }
}

export async function loadJson(scope: Scope, stored: StoredJson): Promise<unknown> {
  if (!('blob' in stored)) return stored.json
  return JSON.parse((await scope.blobs.bytes(stored.blob)).toString('utf8'))
}

export function blobsOf(...values: readonly (StoredJson | undefined)[]): string[] {
  return values.flatMap((value) => (value !== undefined && 'blob' in value ? [value.blob] : []))
}

export function jsonText(value: unknown, field: string): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw invalidField(field, 'must be JSON: it has a cycle or a bigint', { cause: error })
  }
  if (text === undefined) throw invalidField(field, 'must be JSON, not a function or a symbol')
  return text
}

/** sha256 of a value: the same for objects whose members stand in another order. */
export function jsonHash(value: unknown, field: string): string {
  const text = JSON.stringify(value, (_, member: unknown) => (isRecord(member) ? sorted(member) : member))
  if (text === undefined && value !== undefined) throw invalidField(field, 'must be JSON')
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

export function dataLoss(id: string, cause: unknown): HoldfastError {
  return new HoldfastError('DATA_LOSS', `What job ${id} keeps in a blob cannot be read: run it again`, { cause })
}
