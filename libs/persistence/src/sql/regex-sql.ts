import type { CodePoints, Regex, RegexNode } from '../query/regex.js'

/** The regular expression as PostgreSQL writes it (https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS).
 *  All characters are spelled out as sets, so that nothing depends on a collation or a flag. For text with `collate "C"`. */
export function regexSql({ of, multiline }: Regex): string {
  // `***:` takes the rest for an advanced regular expression whatever the server's settings; (?w) lets ^ and $ hold at lines.
  return `***:(?${multiline ? 'w' : 's'})${write(of)}`
}

function write(node: RegexNode): string {
  switch (node.kind) {
    case 'set':
      return writeSet(node.ranges)
    case 'start':
      return '^'
    case 'end':
      return '$'
    case 'boundary':
      return '\\y'
    case 'within':
      return '\\Y'
    case 'all':
      return node.of.length === 0 ? '(?:)' : node.of.map(write).join('')
    case 'any':
      return `(?:${node.of.map(write).join('|')})`
    case 'repeat':
      return `(?:${write(node.of)})${quantifier(node.min, node.max)}`
  }
}

function quantifier(min: number, max: number): string {
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`
  return min === max ? `{${min}}` : `{${min},${max}}`
}

/** No text has NUL, and half surrogates are stored as something else. */
function writeSet(ranges: readonly CodePoints[]): string {
  const [only] = ranges
  if (only !== undefined && ranges.length === 1 && only[0] === only[1]) return writePoint(only[0])
  // Nothing at all: a place that is both inside and at the edge of a word.
  if (ranges.length === 0) return '(?:\\y\\Y)'
  const parts = ranges.map(([first, last]) => {
    const from = writePoint(Math.max(first, 1))
    return first === last ? from : `${from}-${writePoint(last)}`
  })
  return `[${parts.join('')}]`
}

function writePoint(code: number): string {
  if ((code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122))
    return String.fromCharCode(code)
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`
}
