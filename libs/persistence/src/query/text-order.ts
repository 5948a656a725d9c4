/** Compares strings by code point: the order of their UTF-8 bytes, and of `COLLATE "C"`. JavaScript's own `<` compares UTF-16
 *  units and puts U+1F600 before U+FF5E.
 *
 *  What JSONB cannot hold is stored as U+FDD0 and a code (see sql/json-text.ts) and therefore stands where U+FDD0 does: NUL
 *  first, then lone surrogates, then U+FDD0 itself. All backends keep this one order. */
export function compareText(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  let index = 0
  while (index < shorter && a.charCodeAt(index) === b.charCodeAt(index)) index += 1
  if (index === a.length || index === b.length) return compareEnds(a, b, index)
  const from = startsInPair(a, index) || startsInPair(b, index) ? index - 1 : index
  return weightAt(a, from) - weightAt(b, from)
}

/** One string is the beginning of the other, unless the cut goes through a surrogate pair. */
function compareEnds(a: string, b: string, index: number): number {
  if (a.length === b.length) return 0
  const longer = a.length > b.length ? a : b
  if (startsInPair(longer, index)) return weightAt(a, index - 1) - weightAt(b, index - 1)
  return a.length - b.length
}

function startsInPair(text: string, index: number): boolean {
  return index > 0 && isHigh(text.charCodeAt(index - 1)) && isLow(text.charCodeAt(index))
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff

const introducer = 0xfdd0

function weightAt(text: string, index: number): number {
  const point = text.codePointAt(index) ?? 0
  if (point === 0) return introducer + 0.1
  // 2,048 of them, so at most 0.2 + 0.2047.
  if (point >= 0xd800 && point <= 0xdfff) return introducer + 0.2 + (point - 0xd800) / 10_000
  return point === introducer ? introducer + 0.9 : point
}
