import { invalidField } from '@holdfast/errors'
import type { JsonValue } from '../query/predicate.js'
import { isJsonArray, isJsonObject, type JsonObject, withMember } from '../query/json-value.js'

/** MongoDB Extended JSON, canonical and relaxed, version 2, and the forms of version 1 that old tools wrote, as plain JSON:
 *
 *  | BSON                    | becomes                                                                    |
 *  |-------------------------|----------------------------------------------------------------------------|
 *  | ObjectId                | its 24 hex digits                                                          |
 *  | Date                    | its ISO text, as a JavaScript Date                                         |
 *  | Int32, Int64, Double    | a number, if JavaScript has just that number                               |
 *  | Decimal128              | a number, if JavaScript writes the same decimal number                     |
 *  | Binary, subtypes 0, 2   | base64 text                                                                |
 *  | Binary, subtype 4; UUID | the UUID's text                                                            |
 *  | Timestamp               | `{ t, i }`                                                                 |
 *  | Regular expression      | `{ pattern, options }`                                                     |
 *  | Symbol, Code            | text; code with a scope `{ code, scope }`                                  |
 *  | DBRef, DBPointer        | `{ ref, id, db? }`                                                         |
 *  | Undefined               | null                                                                       |
 *  | other binaries, MinKey, MaxKey, NaN, ±Infinity, numbers that would be changed | refused, or text  |
 *
 *  Source: https://github.com/mongodb/specifications/blob/master/source/extended-json/extended-json.md */
export interface ExtendedJsonOptions {
  /** What cannot be kept exactly: `refuse` (default), or `text`: as its decimal digits, base64, `NaN`, `MinKey` … */
  readonly inexact?: 'refuse' | 'text'
}

/** @throws INVALID_ARGUMENT that names the place (`data.a.b[3]`) and what stands there */
export function parseExtendedJson(text: string, options: ExtendedJsonOptions = {}): JsonValue {
  const reader = new Reader(options.inexact ?? 'refuse')
  return reader.value(JSON.parse(withExactNumbers(text)) as JsonValue, 'data')
}

/** The id of a document: text as it is, an ObjectId as hex, a number as its digits, a date as ISO text, anything else as its JSON text. */
export function idOfExtendedJson(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Relaxed Extended JSON writes 64-bit integers as bare numbers, of which JSON.parse would change the last digits in silence: they become the
 *  canonical form. */
function withExactNumbers(text: string): string {
  if (!/\d{16}/.test(text)) return text
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) => {
    if (token.startsWith('"') || !/^-?\d{16,}$/.test(token) || Number.isSafeInteger(Number(token))) return token
    return `{"$numberLong":"${token}"}`
  })
}

type Convert = (reader: Reader, object: JsonObject, at: string) => JsonValue

class Reader {
  readonly #inexact: 'refuse' | 'text'

  constructor(inexact: 'refuse' | 'text') {
    this.#inexact = inexact
  }

  value(value: JsonValue, at: string): JsonValue {
    if (isJsonArray(value)) return value.map((item, index) => this.value(item, `${at}[${index}]`))
    if (!isJsonObject(value)) return value
    const keys = Object.keys(value)
    for (const key of keys) {
      if (!key.startsWith('$')) continue
      const form = forms[key]
      if (form !== undefined && keys.every((other) => form.members.includes(other)))
        return form.convert(this, value, at)
    }
    let result: JsonObject = {}
    for (const key of keys) {
      const member = this.value(value[key] ?? null, `${at}.${key}`)
      if (key === '__proto__') result = withMember(result, key, member)
      else (result as Record<string, JsonValue>)[key] = member
    }
    return result
  }

  number(text: string, at: string): JsonValue {
    const number = Number(text)
    if (sameDecimal(text, number)) return number
    return this.inexact(text, `is ${text}, which a JavaScript number cannot hold`, at)
  }

  inexact(text: string, description: string, at: string): JsonValue {
    if (this.#inexact === 'text') return text
    throw invalidField(at, `${description}: import with inexact text to keep it as text`)
  }
}

const forms: Readonly<Record<string, { readonly members: readonly string[]; readonly convert: Convert }>> = {
  $oid: form(['$oid'], (_, { $oid }, at) => text($oid, at, '$oid')),
  $date: form(['$date'], (_, { $date }, at) => date($date, at)),
  $numberInt: form(['$numberInt'], (reader, { $numberInt }, at) =>
    reader.number(text($numberInt, at, '$numberInt'), at),
  ),
  $numberLong: form(['$numberLong'], (reader, { $numberLong }, at) =>
    reader.number(text($numberLong, at, '$numberLong'), at),
  ),
  $numberDouble: form(['$numberDouble'], (reader, { $numberDouble }, at) =>
    double(reader, text($numberDouble, at, '$numberDouble'), at),
  ),
  $numberDecimal: form(['$numberDecimal'], (reader, { $numberDecimal }, at) =>
    double(reader, text($numberDecimal, at, '$numberDecimal'), at),
  ),
  $binary: form(['$binary', '$type'], binary),
  $uuid: form(['$uuid'], (_, { $uuid }, at) => text($uuid, at, '$uuid')),
  $timestamp: form(['$timestamp'], timestamp),
  $regularExpression: form(['$regularExpression'], (_, { $regularExpression: value }, at) => ({
    pattern: text(memberOf(value, 'pattern'), at, '$regularExpression.pattern'),
    options: text(memberOf(value, 'options'), at, '$regularExpression.options'),
  })),
  $regex: form(['$regex', '$options'], (_, { $regex, $options = '' }, at) => ({
    pattern: text($regex, at, '$regex'),
    options: text($options, at, '$options'),
  })),
  $symbol: form(['$symbol'], (_, { $symbol }, at) => text($symbol, at, '$symbol')),
  $code: form(['$code', '$scope'], (reader, { $code, $scope }, at) => {
    const code = text($code, at, '$code')
    return $scope === undefined ? code : { code, scope: reader.value($scope, `${at}.$scope`) }
  }),
  $dbPointer: form(['$dbPointer'], (reader, { $dbPointer: value }, at) => ({
    ref: text(memberOf(value, '$ref'), at, '$dbPointer.$ref'),
    id: reader.value(memberOf(value, '$id') ?? null, `${at}.$id`),
  })),
  $ref: form(['$ref', '$id', '$db'], (reader, { $ref, $id = null, $db }, at) => ({
    ref: text($ref, at, '$ref'),
    id: reader.value($id, `${at}.$id`),
    ...($db === undefined ? {} : { db: text($db, at, '$db') }),
  })),
  $undefined: form(['$undefined'], () => null),
  $minKey: form(['$minKey'], (reader, _, at) => reader.inexact('MinKey', 'is a MinKey', at)),
  $maxKey: form(['$maxKey'], (reader, _, at) => reader.inexact('MaxKey', 'is a MaxKey', at)),
}

function form(
  members: readonly string[],
  convert: Convert,
): { readonly members: readonly string[]; readonly convert: Convert } {
  return { members, convert }
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) ? value[name] : undefined
}

function text(value: JsonValue | undefined, at: string, member: string): string {
  if (typeof value === 'string') return value
  throw invalidField(at, `has no text as its ${member}`)
}

function date(value: JsonValue | undefined, at: string): string {
  const long = memberOf(value, '$numberLong')
  // A bare number is of version 1.
  const time = typeof value === 'string' ? Date.parse(value) : Number(long ?? value ?? NaN)
  const parsed = new Date(time)
  if (Number.isNaN(parsed.getTime())) throw invalidField(at, 'is a date that JavaScript cannot hold')
  return parsed.toISOString()
}

function double(reader: Reader, text: string, at: string): JsonValue {
  return /^[+-]?\.?\d/.test(text)
    ? reader.number(text, at)
    : reader.inexact(text, `is ${text}: JSON has finite numbers only`, at)
}

function binary(reader: Reader, { $binary, $type }: JsonObject, at: string): JsonValue {
  const base64 = text(typeof $binary === 'string' ? $binary : memberOf($binary, 'base64'), at, '$binary.base64')
  const subType = Number.parseInt(text(memberOf($binary, 'subType') ?? $type ?? '0', at, '$binary.subType'), 16)
  if (subType === 0 || subType === 2) return base64
  const hex = Buffer.from(base64, 'base64').toString('hex')
  if (subType === 4 && hex.length === 32) return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  return reader.inexact(base64, `is binary of subtype ${subType}`, at)
}

function timestamp(_: Reader, { $timestamp: value }: JsonObject, at: string): JsonValue {
  const [t, i] = [memberOf(value, 't'), memberOf(value, 'i')]
  if (typeof t === 'number' && typeof i === 'number') return { t, i }
  throw invalidField(at, 'has no numbers as its $timestamp.t and .i')
}

/** Whether JavaScript writes a number as a decimal number of the same value. Minus zero counts as zero. */
function sameDecimal(text: string, number: number): boolean {
  return Number.isFinite(number) && normalized(text) === normalized(String(number))
}

/** Sign, digits without zeros around them, and the exponent of the last one. */
function normalized(text: string): string | undefined {
  const [, sign = '', whole = '', part = '', exponent = '0'] =
    /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = `${whole}${part}`.replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  if (kept === '') return /\d/.test(`${whole}${part}`) ? '0' : undefined
  return `${sign === '-' ? '-' : ''}${kept}e${Number(exponent) - part.length + digits.length - kept.length}`
}
