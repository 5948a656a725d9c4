import { invalidField } from '@holdfast/errors'
import { isRegExp } from 'node:util/types'

/** A parsed regular expression: what MongoDB (PCRE), JavaScript and PostgreSQL mean alike. Whatever only one of them has
 *  (back references, look-around, named groups, `\p{…}`) is refused. Whether letters differ in case is worked into the sets. */
export interface Regex {
  readonly of: RegexNode
  /** `^` and `$` hold at every line. */
  readonly multiline: boolean
}

export type RegexNode =
  | { readonly kind: 'set'; readonly ranges: readonly CodePoints[] }
  | { readonly kind: 'start' | 'end' | 'boundary' | 'within' }
  | { readonly kind: 'all' | 'any'; readonly of: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly of: RegexNode; readonly min: number; readonly max: number }

/** First and last, both inclusive. */
export type CodePoints = readonly [first: number, last: number]

const maxLength = 1_000
/** Of one quantifier, as PostgreSQL has it. */
const maxRepeats = 255
/** Single characters to match after all repetitions are written out. */
const maxSize = 5_000
const maxDepth = 50
const lastPoint = 0x10ffff

/** @param at where it stands, for the error
 *  @throws INVALID_ARGUMENT for what is no pattern, or one that the databases would not understand alike */
export function parseRegex(pattern: unknown, options: unknown, at: string): Regex {
  const source = isRegExp(pattern) ? pattern.source : pattern
  if (typeof source !== 'string') throw invalidField(at, 'must be a string or a RegExp')
  const flags = options ?? (isRegExp(pattern) ? pattern.flags.replaceAll(/[dgvyu]/g, '') : '')
  if (typeof flags !== 'string' || /[^imsx]/.test(flags)) {
    throw invalidField(at, 'has options that are not understood: known are i, m, s and x')
  }
  if (source.length > maxLength) throw invalidField(at, `is longer than ${maxLength} characters`)
  if (/[\0\ufdd0\ud800-\udfff]/u.test(source))
    throw invalidField(at, 'must not contain NUL, U+FDD0 or half a surrogate pair')
  const parser = new Parser(isRegExp(pattern) ? unescapeSlashes(source) : source, flags, at)
  const of = parser.parse()
  if (sizeOf(of) > maxSize)
    throw invalidField(at, `is more than ${maxSize} characters long when its repetitions are written out`)
  return { of, multiline: flags.includes('m') }
}

/** RegExp.source writes a slash as `\/`, and nothing at all as `(?:)`. */
function unescapeSlashes(source: string): string {
  return source === '(?:)' ? '' : source
}

class Parser {
  readonly #points: readonly string[]
  readonly #at: string
  readonly #ignoreCase: boolean
  readonly #dotAll: boolean
  readonly #extended: boolean
  #next = 0
  #depth = 0

  constructor(source: string, flags: string, at: string) {
    this.#points = Array.from(source)
    this.#at = at
    this.#ignoreCase = flags.includes('i')
    this.#dotAll = flags.includes('s')
    this.#extended = flags.includes('x')
  }

  parse(): RegexNode {
    const node = this.#alternatives()
    if (this.#next < this.#points.length) throw this.#fault('has a ) without its (')
    return node
  }

  #alternatives(): RegexNode {
    this.#depth += 1
    if (this.#depth > maxDepth) throw this.#fault(`has groups more than ${maxDepth} deep`)
    const of = [this.#sequence()]
    while (this.#take('|')) of.push(this.#sequence())
    this.#depth -= 1
    const [only] = of
    return of.length === 1 && only !== undefined ? only : { kind: 'any', of }
  }

  #sequence(): RegexNode {
    const of: RegexNode[] = []
    for (;;) {
      this.#skipSpace()
      const point = this.#points[this.#next]
      if (point === undefined || point === '|' || point === ')') return { kind: 'all', of }
      of.push(this.#quantified(this.#atom()))
    }
  }

  #skipSpace(): void {
    if (!this.#extended) return
    for (;;) {
      const point = this.#points[this.#next]
      if (point === '#') {
        while (this.#next < this.#points.length && this.#points[this.#next] !== '\n') this.#next += 1
      } else if (point !== undefined && /[ \t\n\v\f\r]/.test(point)) this.#next += 1
      else return
    }
  }

  #quantified(atom: RegexNode): RegexNode {
    this.#skipSpace()
    const bounds = this.#quantifier()
    if (bounds === undefined) return atom
    if (atom.kind === 'start' || atom.kind === 'end' || atom.kind === 'boundary' || atom.kind === 'within') {
      throw this.#fault('repeats what has no length, such as ^')
    }
    // Lazy or not makes no difference to whether it matches.
    if (!this.#take('?') && this.#points[this.#next] === '+') throw this.#fault('has a possessive quantifier')
    if (this.#quantifier() !== undefined) throw this.#fault('has a quantifier behind another')
    return { kind: 'repeat', of: atom, ...bounds }
  }

  #quantifier(): { readonly min: number; readonly max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Infinity }
    if (this.#take('+')) return { min: 1, max: Infinity }
    if (this.#take('?')) return { min: 0, max: 1 }
    if (this.#points[this.#next] !== '{') return undefined
    const found = /^\{(\d{1,9})(,?)(\d{0,9})\}/.exec(this.#points.slice(this.#next, this.#next + 22).join(''))
    // As PCRE and JavaScript have it, any other brace stands for itself.
    if (found === null) return undefined
    const [whole, from = '', comma, to = ''] = found
    if (comma === '' && to !== '') return undefined
    this.#next += whole.length
    const min = Number(from)
    const max = comma === '' ? min : to === '' ? Infinity : Number(to)
    if (min > maxRepeats || (max !== Infinity && max > maxRepeats))
      throw this.#fault(`repeats more than ${maxRepeats} times`)
    if (max < min) throw this.#fault('has a quantifier whose numbers are out of order')
    return { min, max }
  }

  #atom(): RegexNode {
    const point = this.#points[this.#next] ?? ''
    this.#next += 1
    switch (point) {
      case '.':
        return { kind: 'set', ranges: this.#dotAll ? [[0, lastPoint]] : complement([[10, 10]]) }
      case '^':
        return { kind: 'start' }
      case '$':
        return { kind: 'end' }
      case '(':
        return this.#group()
      case '[':
        return this.#class()
      case '\\':
        return this.#escape()
      case '*':
      case '+':
      case '?':
        throw this.#fault(`has ${point} with nothing to repeat before it`)
      default:
        return this.#literal(point)
    }
  }

  #group(): RegexNode {
    if (this.#take('?')) {
      if (!this.#take(':')) throw this.#fault('has a group that starts with (? and is not (?:')
    } else if (this.#points[this.#next] === '*') throw this.#fault('has a verb, (*…')
    const node = this.#alternatives()
    if (!this.#take(')')) throw this.#fault('has a ( without its )')
    return node
  }

  #literal(point: string): RegexNode {
    const code = point.codePointAt(0) ?? 0
    return { kind: 'set', ranges: this.#inBothCases([[code, code]]) }
  }

  #escape(): RegexNode {
    const point = this.#points[this.#next]
    if (point === 'b' || point === 'B') {
      this.#next += 1
      return { kind: point === 'b' ? 'boundary' : 'within' }
    }
    const ranges = this.#escapedSet()
    return { kind: 'set', ranges: isSingle(ranges) ? this.#inBothCases(ranges) : ranges }
  }

  /** What a backslash stands for, inside and outside of brackets alike. */
  #escapedSet(): readonly CodePoints[] {
    const point = this.#points[this.#next]
    this.#next += 1
    if (point === undefined) throw this.#fault('ends with a backslash')
    const set = sets.get(point)
    if (set !== undefined) return set
    const control = controls.get(point)
    if (control !== undefined) return [[control, control]]
    if (point === 'x' || point === 'u') return this.#hexadecimal(point === 'x' ? 2 : 4)
    if (/[a-zA-Z0-9]/.test(point)) throw this.#fault(`has \\${point}, which databases do not understand alike`)
    const code = point.codePointAt(0) ?? 0
    return [[code, code]]
  }

  #hexadecimal(digits: number): readonly CodePoints[] {
    const text = this.#points.slice(this.#next, this.#next + digits).join('')
    if (!new RegExp(`^[\\da-fA-F]{${digits}}$`).test(text))
      throw this.#fault(`needs ${digits} hexadecimal digits in an escape`)
    this.#next += digits
    const code = parseInt(text, 16)
    if (code === 0 || code === 0xfdd0 || (code >= 0xd800 && code <= 0xdfff)) {
      throw this.#fault('must not contain NUL, U+FDD0 or half a surrogate pair')
    }
    return [[code, code]]
  }

  #class(): RegexNode {
    const negated = this.#take('^')
    const ranges: CodePoints[] = []
    for (let first = true; ; first = false) {
      const point = this.#points[this.#next]
      if (point === undefined) throw this.#fault('has a [ without its ]')
      if (point === ']') {
        // PCRE takes it for a character here, JavaScript for the end.
        if (first) throw this.#fault('has an empty [] or starts brackets with ]: write \\]')
        this.#next += 1
        break
      }
      const from = this.#classMember()
      if (this.#points[this.#next] !== '-' || this.#points[this.#next + 1] === ']') {
        ranges.push(...from)
        continue
      }
      this.#next += 1
      const to = this.#classMember()
      const [low, high] = [from[0]?.[0] ?? 0, to[0]?.[0] ?? 0]
      if (!isSingle(from) || !isSingle(to)) throw this.#fault('has a range that ends at a set of characters')
      if (high < low) throw this.#fault('has a range whose ends are out of order')
      ranges.push([low, high])
    }
    const merged = merge(this.#inBothCases(ranges))
    return { kind: 'set', ranges: negated ? complement(merged) : merged }
  }

  #classMember(): readonly CodePoints[] {
    const point = this.#points[this.#next]
    if (point === undefined) throw this.#fault('has a [ without its ]')
    this.#next += 1
    if (point === '[' && /^[:.=]/.test(this.#points[this.#next] ?? '')) {
      throw this.#fault('has a named class, such as [:alpha:]')
    }
    if (point !== '\\') {
      const code = point.codePointAt(0) ?? 0
      return [[code, code]]
    }
    if (this.#take('b')) return [[8, 8]]
    return this.#escapedSet()
  }

  #inBothCases(ranges: readonly CodePoints[]): readonly CodePoints[] {
    if (!this.#ignoreCase) return ranges
    const added: CodePoints[] = []
    for (const [first, last] of ranges) {
      // No script with cases stands behind Adlam.
      for (let code = first; code <= Math.min(last, 0x1e943); code += 1) {
        for (const other of otherCases(code)) added.push([other, other])
      }
    }
    return merge([...ranges, ...added])
  }

  #take(point: string): boolean {
    if (this.#points[this.#next] !== point) return false
    this.#next += 1
    return true
  }

  #fault(what: string): Error {
    return invalidField(this.#at, `is no regular expression that every backend understands: it ${what}`)
  }
}

const digits: readonly CodePoints[] = [[48, 57]]
const wordPoints: readonly CodePoints[] = [[48, 57], [65, 90], [95, 95], [97, 122]] // prettier-ignore
const spaces: readonly CodePoints[] = [[9, 13], [32, 32]] // prettier-ignore

/** Of ASCII, as PCRE has them. */
const sets: ReadonlyMap<string, readonly CodePoints[]> = new Map([
  ['d', digits],
  ['D', complement(digits)],
  ['w', wordPoints],
  ['W', complement(wordPoints)],
  ['s', spaces],
  ['S', complement(spaces)],
])

const controls: ReadonlyMap<string, number> = new Map([
  ['t', 9],
  ['n', 10],
  ['v', 11],
  ['f', 12],
  ['r', 13],
])

/** Upper and lower case of one code point, where each is one code point again. */
function otherCases(code: number): number[] {
  if (code >= 0xd800 && code <= 0xdfff) return []
  const point = String.fromCodePoint(code)
  return [point.toLowerCase(), point.toUpperCase()]
    .filter((other) => other !== point && Array.from(other).length === 1)
    .map((other) => other.codePointAt(0) ?? 0)
}

function isSingle(ranges: readonly CodePoints[]): boolean {
  const [only] = ranges
  return ranges.length === 1 && only !== undefined && only[0] === only[1]
}

/** In order, and none touching the next. */
function merge(ranges: readonly CodePoints[]): CodePoints[] {
  const merged: CodePoints[] = []
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = merged.at(-1)
    if (before !== undefined && first <= before[1] + 1)
      merged[merged.length - 1] = [before[0], Math.max(before[1], last)]
    else merged.push([first, last])
  }
  return merged
}

function complement(ranges: readonly CodePoints[]): CodePoints[] {
  const left: CodePoints[] = []
  let next = 0
  for (const [first, last] of merge(ranges)) {
    if (first > next) left.push([next, first - 1])
    next = last + 1
  }
  if (next <= lastPoint) left.push([next, lastPoint])
  return left
}

function sizeOf(node: RegexNode): number {
  switch (node.kind) {
    case 'all':
    case 'any':
      return node.of.reduce((sum, part) => sum + sizeOf(part), 1)
    case 'repeat':
      return sizeOf(node.of) * (node.max === Infinity ? node.min + 1 : Math.max(1, node.max))
    default:
      return 1
  }
}
