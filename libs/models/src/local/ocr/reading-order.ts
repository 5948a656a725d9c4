import type { Box, TextLine } from '../../vision-model.js'

export interface ReadLine extends TextLine {
  readonly score: number
  readonly box: Box
  /** Where it would be if the page lay straight: what the order follows from. */
  readonly level: Box
}

/** Lines in the order in which they are read: block above block, columns of running text one after the other, rows of short pieces (a
 *  table, a receipt) from left to right; what stands close together in a row is one line. */
export function inReadingOrder(lines: readonly ReadLine[]): ReadLine[] {
  if (lines.length <= 1) return [...lines]
  const columns = splitColumns(lines)
  if (columns !== undefined) return columns.flatMap(inReadingOrder)
  const blocks = splitBlocks(lines)
  if (blocks !== undefined) return blocks.flatMap(inReadingOrder)
  return rowsOf(lines).flatMap(joined)
}

const right = ({ level }: ReadLine): number => level.left + level.width
const bottom = ({ level }: ReadLine): number => level.top + level.height
const middle = ({ level }: ReadLine): number => level.top + level.height / 2

/** Two groups with an empty strip between them from top to bottom, each of at least two lines of running text. */
function splitColumns(lines: readonly ReadLine[]): readonly ReadLine[][] | undefined {
  const sorted = lines.toSorted((one, other) => one.level.left - other.level.left)
  const gap = widestGap(sorted, (line) => line.level.left, right)
  if (gap === undefined || gap.width < median(lines.map(({ level }) => level.height)) * 0.8) return undefined
  const groups = [sorted.slice(0, gap.at), sorted.slice(gap.at)]
  const isText = groups.every(
    (group) => group.length >= 2 && median(group.map(({ level }) => level.width / level.height)) >= 6,
  )
  return isText ? groups : undefined
}

/** Above and below the widest gap, where it is wider than between lines. */
function splitBlocks(lines: readonly ReadLine[]): readonly ReadLine[][] | undefined {
  const sorted = lines.toSorted((one, other) => one.level.top - other.level.top)
  const gap = widestGap(sorted, (line) => line.level.top, bottom)
  if (gap === undefined || gap.width < median(lines.map(({ level }) => level.height)) * 0.7) return undefined
  return [sorted.slice(0, gap.at), sorted.slice(gap.at)]
}

/** `sorted` by where they begin; a gap is where one begins after all before it have ended. */
function widestGap(
  sorted: readonly ReadLine[],
  begin: (line: ReadLine) => number,
  end: (line: ReadLine) => number,
): { at: number; width: number } | undefined {
  let best: { at: number; width: number } | undefined
  let ended = -Infinity
  for (const [at, line] of sorted.entries()) {
    const width = begin(line) - ended
    if (at > 0 && width > 0 && width > (best?.width ?? 0)) best = { at, width }
    ended = Math.max(ended, end(line))
  }
  return best
}

/** Lines whose middles lie within each other's height, rows from above, pieces from the left. */
function rowsOf(lines: readonly ReadLine[]): ReadLine[][] {
  const rows: ReadLine[][] = []
  for (const line of lines.toSorted((one, other) => middle(one) - middle(other))) {
    const row = rows.at(-1)
    const last = row?.at(-1)
    const isSame =
      last !== undefined && Math.abs(middle(last) - middle(line)) < Math.min(last.level.height, line.level.height) * 0.5
    if (isSame) row?.push(line)
    else rows.push([line])
  }
  return rows.map((row) => row.toSorted((one, other) => one.level.left - other.level.left))
}

/** Pieces that stand no further apart than a wide space are one line. */
function joined(row: readonly ReadLine[]): ReadLine[] {
  const lines: ReadLine[] = []
  for (const piece of row) {
    const before = lines.at(-1)
    const isNear =
      before !== undefined && piece.level.left - right(before) < Math.min(before.level.height, piece.level.height) * 1.1
    if (!isNear) {
      lines.push(piece)
      continue
    }
    const [long, short] = [before.text.length, piece.text.length]
    lines[lines.length - 1] = {
      text: `${before.text} ${piece.text}`,
      score: (before.score * long + piece.score * short) / (long + short),
      box: around(before.box, piece.box),
      level: around(before.level, piece.level),
    }
  }
  return lines
}

function around(one: Box, other: Box): Box {
  const [left, top] = [Math.min(one.left, other.left), Math.min(one.top, other.top)]
  const [right, bottom] = [one, other]
    .map((box) => [box.left + box.width, box.top + box.height] as const)
    .reduce(([x, y], [otherX, otherY]) => [Math.max(x, otherX), Math.max(y, otherY)])
  return { left, top, width: right - left, height: bottom - top }
}

export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0
}
