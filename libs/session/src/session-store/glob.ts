/** Redis's glob patterns: `*`, `?`, `[abc]`, `[^abc]`, `[a-z]`, and a backslash before a character that stands for itself.
 *  Source: https://redis.io/docs/latest/commands/keys/ . Takes time in proportion to pattern times key at most. */
export class Glob {
  /** What every key that matches begins with. */
  readonly prefix: string
  readonly #parts: readonly Part[]

  constructor(pattern: string) {
    this.#parts = parse(pattern)
    const literal = this.#parts.findIndex(({ kind }) => kind !== 'character')
    const leading = literal === -1 ? this.#parts : this.#parts.slice(0, literal)
    this.prefix = leading.map((part) => (part.kind === 'character' ? part.is : '')).join('')
  }

  matches(key: string): boolean {
    const characters = Array.from(key)
    let part = 0
    let at = 0
    let star = -1
    let starAt = 0
    while (at < characters.length) {
      const current = this.#parts[part]
      if (current?.kind === 'any') {
        star = part
        starAt = at
        part += 1
      } else if (current !== undefined && accepts(current, characters[at] ?? '')) {
        part += 1
        at += 1
      } else if (star >= 0) {
        // The last star takes one more.
        starAt += 1
        at = starAt
        part = star + 1
      } else {
        return false
      }
    }
    while (this.#parts[part]?.kind === 'any') part += 1
    return part === this.#parts.length
  }
}

type Part =
  | { readonly kind: 'any' }
  | { readonly kind: 'one' }
  | { readonly kind: 'character'; readonly is: string }
  | { readonly kind: 'class'; readonly not: boolean; readonly ranges: readonly (readonly [string, string])[] }

function accepts(part: Part, character: string): boolean {
  switch (part.kind) {
    case 'any':
      return false
    case 'one':
      return true
    case 'character':
      return part.is === character
    case 'class':
      return part.ranges.some(([from, to]) => from <= character && character <= to) !== part.not
  }
}

function parse(pattern: string): Part[] {
  const characters = Array.from(pattern)
  const parts: Part[] = []
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? ''
    if (character === '*') {
      if (parts.at(-1)?.kind !== 'any') parts.push({ kind: 'any' })
    } else if (character === '?') {
      parts.push({ kind: 'one' })
    } else if (character === '\\' && at + 1 < characters.length) {
      at += 1
      parts.push({ kind: 'character', is: characters[at] ?? '' })
    } else if (character === '[') {
      const { part, end } = parseClass(characters, at + 1)
      parts.push(part)
      at = end
    } else {
      parts.push({ kind: 'character', is: character })
    }
  }
  return parts
}

function parseClass(characters: readonly string[], start: number): { part: Part; end: number } {
  const not = characters[start] === '^'
  const ranges: [string, string][] = []
  let at = not ? start + 1 : start
  for (; at < characters.length && characters[at] !== ']'; at += 1) {
    if (characters[at] === '\\' && at + 1 < characters.length) at += 1
    const from = characters[at] ?? ''
    const last = characters[at + 2]
    if (characters[at + 1] === '-' && last !== undefined && last !== ']') {
      at += 2
      ranges.push(from <= last ? [from, last] : [last, from])
    } else {
      ranges.push([from, from])
    }
  }
  return { part: { kind: 'class', not, ranges }, end: at }
}
