import type { JsonValue } from '../query/predicate.js'
import { isJsonArray, isJsonObject } from '../query/json-value.js'
import { escapeForJsonb } from '../sql/json-text.js'

/** The text that PostgreSQL makes of a JSONB value of this JSON text, as Holdfast stores it. Digests of data are taken of it, so that they
 *  mean the same on every backend: keys by length in bytes, then by bytes; numbers without exponents. */
export function jsonbText(json: string): string {
  return textOf(JSON.parse(escapeForJsonb(json)) as JsonValue)
}

function textOf(value: JsonValue): string {
  if (isJsonArray(value)) return `[${value.map(textOf).join(', ')}]`
  if (isJsonObject(value)) {
    const members = Object.entries(value)
      .map(([key, member]) => ({ bytes: Buffer.from(key), key, member }))
      .sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes))
    return `{${members.map(({ key, member }) => `${JSON.stringify(key)}: ${textOf(member)}`).join(', ')}}`
  }
  return typeof value === 'number' ? plainNumber(value) : JSON.stringify(value)
}

/** All digits, as `numeric` writes them. */
function plainNumber(value: number): string {
  const [, sign = '', whole = '', part = '', exponent] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? []
  if (exponent === undefined) return String(value)
  const shift = Number(exponent)
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${whole}${part}`
  return `${sign}${whole}${part}${'0'.repeat(shift - part.length)}`
}
