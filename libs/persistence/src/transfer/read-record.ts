import type { CollectionSpec, IndexDefinition } from '../backend.js'
import { parseColumns } from '../columns-option.js'
import { parseLifeOptions } from '../expiry/lifetime.js'
import { checkId, checkTenantId } from '../sql/names.js'
import { type CheckedLine, damagedLine } from './checked-lines.js'
import type { DocumentRow, EntryRow, StreamRow } from './seam.js'

/** What the lines of an export say. Their checksums hold, so a fault is one of the program that wrote them. */

export function documentOf(line: CheckedLine): DocumentRow {
  return {
    tenant: tenantOf(line),
    id: idOf(line, 'id'),
    version: integerOf(line, 'version'),
    createdAt: timeOf(line, 'createdAt'),
    updatedAt: timeOf(line, 'updatedAt'),
    expiresAt: optional(line, 'expiresAt', timeOf),
    removedAt: optional(line, 'removedAt', timeOf),
    json: dataOf(line),
  }
}

export function streamOf(line: CheckedLine): StreamRow {
  const parent = optional(line, 'parent', idOf)
  return {
    tenant: tenantOf(line),
    stream: idOf(line, 'stream'),
    head: integerOf(line, 'head'),
    first: integerOf(line, 'first'),
    at: optional(line, 'at', timeOf),
    past: parent === undefined ? undefined : { parent, base: integerOf(line, 'base') },
    removedAt: optional(line, 'removedAt', timeOf),
  }
}

export function entryOf(line: CheckedLine, { tenant, stream }: Pick<StreamRow, 'tenant' | 'stream'>): EntryRow {
  const json = dataOf(line)
  if (json === undefined) throw damagedLine(line.number, 'is an entry without data')
  return {
    tenant,
    stream,
    seq: integerOf(line, 'seq'),
    key: optional(line, 'key', idOf),
    at: timeOf(line, 'at'),
    digest: optional(line, 'digest', textOf),
    json,
  }
}

export function declarationOf(line: CheckedLine): CollectionSpec {
  const { indexes, columns, expires, softDelete } = line.record
  const isIndex = (index: unknown): boolean =>
    typeof index === 'object' && index !== null && 'on' in index && Array.isArray(index.on)
  if (!Array.isArray(indexes) || !indexes.every(isIndex)) throw damagedLine(line.number, 'has indexes that are none')
  return {
    indexes: indexes as IndexDefinition[],
    ...(columns === undefined ? {} : { columns: parseColumns({ columns: columns as string[] }) }),
    ...(expires === true ? { expires } : {}),
    ...parseLifeOptions(softDelete === undefined ? {} : { softDelete }),
  }
}

export function textOf({ record, number }: CheckedLine, member: string): string {
  const value = record[member]
  if (typeof value === 'string') return value
  throw damagedLine(number, `has no text as its ${member}`)
}

export function integerOf({ record, number }: CheckedLine, member: string): number {
  const value = record[member]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw damagedLine(number, `has no integer as its ${member}`)
}

export function timeOf(line: CheckedLine, member: string): number {
  const time = Date.parse(textOf(line, member))
  if (Number.isNaN(time)) throw damagedLine(line.number, `has no time as its ${member}`)
  return time
}

const idOf = (line: CheckedLine, member: string): string =>
  checkId(textOf(line, member), `line ${line.number}: ${member}`)

const tenantOf = (line: CheckedLine): string => checkTenantId(textOf(line, 'tenant'), `line ${line.number}: tenant`)

/** The text itself: `data` is the last member before the checksum, and no quotation mark within a string is without a backslash. */
function dataOf({ text }: CheckedLine): string | undefined {
  const at = text.indexOf(dataStart)
  return at < 0 ? undefined : text.slice(at + dataStart.length, text.lastIndexOf(',"crc":"'))
}

const dataStart = ',"data":'

function optional<R>(line: CheckedLine, member: string, read: (line: CheckedLine, member: string) => R): R | undefined {
  return line.record[member] === undefined ? undefined : read(line, member)
}
