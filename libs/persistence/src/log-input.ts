import { HoldfastError, invalidField } from '@holdfast/errors'
import type { NewEntry, StreamKey, TrimTo } from './backend.js'
import { encodeJson } from './json.js'
import { checkId } from './sql/names.js'

export const maxReadLimit = 10_000
const defaultReadLimit = 1_000
const maxEntries = 10_000
const maxAppendBytes: number = 64 * 1024 * 1024
/** An entry of PostgreSQL's b-tree holds 2,704 bytes, overhead included; the index on keys has all three. */
const maxKeyBytes = 2_600

/** The entries of one append as they cross the seam, or INVALID_ARGUMENT that names the one at fault. */
export function checkEntries(
  { tenant, stream }: StreamKey,
  entries: readonly { readonly key?: string; readonly data: unknown }[],
): NewEntry[] {
  if (!Array.isArray(entries)) throw invalidField('entries', 'must be an array')
  if (entries.length > maxEntries) throw invalidField('entries', `must be at most ${maxEntries}: append in parts`)
  const keys = new Set<string>()
  let bytes = 0
  return entries.map((entry: unknown, index): NewEntry => {
    const field = `entries[${index}]`
    if (typeof entry !== 'object' || entry === null) throw invalidField(field, 'must be an object with data')
    const { key, data } = entry as { readonly key?: unknown; readonly data?: unknown }
    const json = encodeJson(data, `${field}.data`)
    bytes += json.length
    if (bytes > maxAppendBytes) throw tooLarge(field)
    if (key === undefined) return { json }
    const checked = checkId(key, `${field}.key`)
    if (keys.has(checked)) throw invalidField(`${field}.key`, 'is that of an entry before it')
    if ((tenant.length + stream.length + checked.length) * 3 > maxKeyBytes)
      checkIndexable(tenant, stream, checked, field)
    keys.add(checked)
    return { key: checked, json }
  })
}

function checkIndexable(tenant: string, stream: string, key: string, field: string): void {
  const bytes = Buffer.byteLength(tenant) + Buffer.byteLength(stream) + Buffer.byteLength(key)
  if (bytes <= maxKeyBytes) return
  throw invalidField(
    `${field}.key`,
    `is too long together with tenant and stream: ${bytes} bytes, at most ${maxKeyBytes}`,
  )
}

function tooLarge(field: string): HoldfastError {
  return invalidField(field, 'makes the append larger than 64 MiB as JSON: append in parts', {
    reason: 'PAYLOAD_TOO_LARGE',
  })
}

export function checkInteger(value: unknown, field: string, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  throw invalidField(field, `must be an integer from ${least}`)
}

export function checkLimit(limit: unknown = defaultReadLimit): number {
  if (checkInteger(limit, 'limit', 1) > maxReadLimit) throw invalidField('limit', `must be at most ${maxReadLimit}`)
  return limit as number
}

export function checkTrim(to: unknown): TrimTo {
  const bounds = Object.entries(typeof to === 'object' && to !== null ? to : {})
  const [bound] = bounds
  if (bounds.length === 1 && bound !== undefined) {
    const [name, value] = bound
    if (name === 'keepLast') return { keepLast: checkInteger(value, 'to.keepLast', 0) }
    if (name === 'beforeSeq') return { beforeSeq: checkInteger(value, 'to.beforeSeq', 0) }
    if (name === 'olderThanMs') return { olderThanMs: checkInteger(value, 'to.olderThanMs', 0) }
  }
  throw invalidField('to', 'must have one of keepLast, beforeSeq and olderThanMs')
}
