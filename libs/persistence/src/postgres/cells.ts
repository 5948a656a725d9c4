import { HoldfastError } from '@holdfast/errors'
import type { SqlCell } from '../sql/driver.js'

/** Reads a column's value from the text format. */
export type CellParser = (text: string) => SqlCell

const asIs: CellParser = (text) => text

/** By type OID (stable: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_type.dat). */
const parsers: ReadonlyMap<number, CellParser> = new Map<number, CellParser>([
  [16, (text) => text === 't'],
  [17, parseBytes],
  [20, parseInt8],
  [21, Number],
  [23, Number],
  [26, Number],
  [700, Number],
  [701, Number],
  [1184, parseTimestamp],
])

export function cellParser(oid: number): CellParser {
  return parsers.get(oid) ?? asIs
}

function parseInt8(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) {
    throw new HoldfastError(
      'OUT_OF_RANGE',
      `The database holds the integer ${text}, which a JavaScript number cannot hold`,
    )
  }
  return value
}

function parseBytes(text: string): Uint8Array {
  return Buffer.from(text.slice(2), 'hex')
}

/** `2026-01-02 03:04:05.678+00`, as a session in UTC with ISO dates writes it; years of four digits. */
export function parseTimestamp(text: string): number {
  if (text.charCodeAt(4) !== dash || text.charCodeAt(19) === dash || !text.endsWith('+00'))
    return parseRareTimestamp(text)
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const milliseconds = Date.UTC(
    year,
    twoDigits(text, 5) - 1,
    twoDigits(text, 8),
    twoDigits(text, 11),
    twoDigits(text, 14),
    twoDigits(text, 17),
  )
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  if (year < 100 || Number.isNaN(milliseconds)) return parseRareTimestamp(text)
  return text.charCodeAt(19) === dot
    ? milliseconds + Number(text.slice(20, -3).padEnd(3, '0').slice(0, 3))
    : milliseconds
}

const dash = 0x2d
const dot = 0x2e

function twoDigits(text: string, at: number): number {
  return text.charCodeAt(at) * 10 + text.charCodeAt(at + 1) - 528
}

function parseRareTimestamp(text: string): number {
  const milliseconds = Date.parse(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))
  if (Number.isNaN(milliseconds)) {
    throw new HoldfastError('OUT_OF_RANGE', `The database holds the time ${text}, which a JavaScript date cannot hold`)
  }
  return milliseconds
}
