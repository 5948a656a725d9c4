import { invalidField } from '@holdfast/errors'

const defaultMaxDepth = 100

/** The value of a `…_json` field. Keys such as `__proto__` become plain own properties.
 *  @throws INVALID_ARGUMENT, naming the place, for text that is not JSON, is more than `maxDepth` levels deep, or holds a number
 *  that an IEEE double does not keep (12345678901234567890, 1e400, 3.141592653589793238; see RFC 7493, 2.2) */
export function parseJsonText(text: string, field: string, maxDepth: number = defaultMaxDepth): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const detail = text.trim() === '' ? 'it is empty' : cause instanceof Error ? cause.message : String(cause)
    throw invalidField(field, `is not JSON: ${detail}`, { cause, reason: 'NOT_JSON' })
  }
  new JsonWalk(text, field, maxDepth).check()
  return value
}

/** As parseJsonText, for fields that take only an object. */
export function parseJsonObject(text: string, field: string): Record<string, unknown> {
  const value = parseJsonText(text, field)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidField(field, 'must be a JSON object', { reason: 'NOT_AN_OBJECT' })
  }
  return value as Record<string, unknown>
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const minus = 0x2d
const numberToken = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// Every decimal of 15 significant digits survives a double (IEEE 754-2019, 5.12.2).
const digitsThatAlwaysSurvive = 15

/** Looks at each number and level of a text that is known to be JSON, keeping track of where it is. */
class JsonWalk {
  /** The index or the raw key at which each open array or object stands. */
  readonly #path: (number | string)[] = []
  readonly #text: string
  readonly #field: string
  readonly #maxDepth: number
  #expectsKey = false

  constructor(text: string, field: string, maxDepth: number) {
    this.#text = text
    this.#field = field
    this.#maxDepth = maxDepth
  }

  check(): void {
    const text = this.#text
    let index = 0
    while (index < text.length) {
      const char = text.charCodeAt(index)
      if (char === quote) index = this.#string(index)
      else if (char === minus || (char >= 0x30 && char <= 0x39)) index = this.#number(index)
      else {
        this.#punctuation(char)
        index++
      }
    }
  }

  #punctuation(char: number): void {
    // '{' and '[', '}' and ']' differ by 0x20.
    if (char === 0x7b || char === 0x5b) {
      if (this.#path.length === this.#maxDepth) {
        throw invalidField(this.#field, `is more than ${this.#maxDepth} levels deep`, { reason: 'TOO_DEEP' })
      }
      this.#expectsKey = char === 0x7b
      this.#path.push(this.#expectsKey ? '' : 0)
    } else if (char === 0x7d || char === 0x5d) {
      this.#path.pop()
    } else if (char === comma) {
      const last = this.#path.length - 1
      const place = this.#path[last]
      if (typeof place === 'number') this.#path[last] = place + 1
      else this.#expectsKey = true
    } else if (char === colon) {
      this.#expectsKey = false
    }
  }

  #string(start: number): number {
    const text = this.#text
    let end = text.indexOf('"', start + 1)
    while (this.#isEscaped(end)) end = text.indexOf('"', end + 1)
    if (this.#expectsKey) this.#path[this.#path.length - 1] = text.slice(start + 1, end)
    return end + 1
  }

  #isEscaped(index: number): boolean {
    let before = index - 1
    while (this.#text.charCodeAt(before) === backslash) before--
    return (index - 1 - before) % 2 === 1
  }

  #number(start: number): number {
    numberToken.lastIndex = start
    const literal = numberToken.exec(this.#text)?.[0] ?? ''
    if (!survivesDouble(literal)) {
      const where = this.#path.map((place) => (typeof place === 'number' ? `[${place}]` : `.${place}`)).join('')
      throw invalidField(
        `${this.#field}${where.slice(0, 200)}`,
        `is the number ${literal.length > 40 ? `${literal.slice(0, 40)}…` : literal}, which an IEEE double does not keep: send it as a string`,
        { reason: 'NUMBER_NOT_REPRESENTABLE' },
      )
    }
    return start + literal.length
  }
}

/** Whether the nearest double, written with as many digits or as JavaScript writes it, reads the same: the shortest digits that name a double are
 *  not always its exact value rounded (1493784338405013.2 is 1493784338405013.25). */
export function survivesDouble(literal: string): boolean {
  if (literal.length <= digitsThatAlwaysSurvive && !/[eE]/.test(literal)) return true
  const value = Number(literal)
  if (!Number.isFinite(value)) return false
  const sent = decimal(literal)
  if (sent.digits === '') return true
  if (value === 0 || sent.digits.length > 100) return false
  return [value.toPrecision(sent.digits.length), String(value)]
    .map(decimal)
    .some(({ digits, exponent }) => digits === sent.digits && exponent === sent.exponent)
}

/** Significant digits d₁d₂… and the exponent of the value 0.d₁d₂… × 10^exponent, sign left out; no digits: zero. */
function decimal(literal: string): { digits: string; exponent: number } {
  const [mantissa = '', power = '0'] = literal.replace(/^-/, '').toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const all = whole + fraction
  const leading = /^0*/.exec(all)?.[0].length ?? 0
  return { digits: all.slice(leading).replace(/0+$/, ''), exponent: Number(power) + whole.length - leading }
}
