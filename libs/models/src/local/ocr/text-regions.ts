/** A rectangle that may be turned: `angle` in radians, of its `width`, from the x axis towards the y axis (downwards). */
export interface TextRegion {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly angle: number
  /** Mean of what the model thinks of its pixels, 0 to 1. */
  readonly score: number
}

type Point = readonly [x: number, y: number]

// PaddleOCR's settings for PP-OCRv4: db_thresh, db_box_thresh, db_unclip_ratio.
// https://github.com/PaddlePaddle/PaddleOCR/blob/release/2.8/tools/infer/utility.py
const pixelThreshold = 0.3
const regionThreshold = 0.6
const growth = 1.5
const smallestSide = 3

/** Lines of text in a map of how much each pixel is text: connected pixels, the smallest rectangle around each, grown again by what the
 *  model was taught to shrink it. (Differentiable Binarization: Liao et al., AAAI 2020.) */
export function textRegions(map: Float32Array, width: number, height: number): TextRegion[] {
  const seen = new Uint8Array(map.length)
  const stack = new Int32Array(map.length)
  const regions: TextRegion[] = []
  for (let start = 0; start < map.length; start++) {
    if (seen[start] === 1 || (map[start] ?? 0) <= pixelThreshold) continue
    const { edge, score } = component(map, width, height, start, seen, stack)
    if (score < regionThreshold) continue
    const rectangle = smallestRectangle(hull(edge))
    if (Math.min(rectangle.width, rectangle.height) < smallestSide) continue
    // The distance by which a polygon is grown is its area times the ratio over its perimeter.
    const grown = (rectangle.width * rectangle.height * growth) / (2 * (rectangle.width + rectangle.height))
    regions.push(
      upright({ ...rectangle, width: rectangle.width + 2 * grown, height: rectangle.height + 2 * grown, score }),
    )
  }
  return regions
}

/** All pixels that hang together with the first, by their sides; of each row its first and its last are its edge. */
function component(
  map: Float32Array,
  width: number,
  height: number,
  start: number,
  seen: Uint8Array,
  stack: Int32Array,
): { edge: Point[]; score: number } {
  const rows = new Map<number, { first: number; last: number }>()
  let [sum, count, top] = [0, 0, 1]
  stack[0] = start
  seen[start] = 1
  while (top > 0) {
    top--
    const at = stack[top] ?? 0
    const [x, y] = [at % width, Math.floor(at / width)]
    sum += map[at] ?? 0
    count++
    const row = rows.get(y)
    if (row === undefined) rows.set(y, { first: x, last: x })
    else if (x < row.first) row.first = x
    else if (x > row.last) row.last = x
    const push = (next: number): void => {
      if (seen[next] === 1 || (map[next] ?? 0) <= pixelThreshold) return
      seen[next] = 1
      stack[top] = next
      top++
    }
    if (x > 0) push(at - 1)
    if (x < width - 1) push(at + 1)
    if (y > 0) push(at - width)
    if (y < height - 1) push(at + width)
  }
  const edge = [...rows].flatMap(([y, { first, last }]): Point[] => [
    [first, y],
    [last + 1, y],
    [first, y + 1],
    [last + 1, y + 1],
  ])
  return { edge, score: sum / count }
}

/** Andrew's monotone chain. */
function hull(points: readonly Point[]): Point[] {
  const sorted = points.toSorted(([ax, ay], [bx, by]) => ax - bx || ay - by)
  const half = (ordered: readonly Point[]): Point[] => {
    const chain: Point[] = []
    for (const point of ordered) {
      while (chain.length >= 2 && turn(chain.at(-2) as Point, chain.at(-1) as Point, point) <= 0) chain.pop()
      chain.push(point)
    }
    chain.pop()
    return chain
  }
  return [...half(sorted), ...half(sorted.toReversed())]
}

const turn = ([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point): number =>
  (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)

/** One side of the smallest rectangle around a convex polygon lies on one of its sides. */
function smallestRectangle(polygon: readonly Point[]): Omit<TextRegion, 'score'> {
  let best = { x: 0, y: 0, width: Infinity, height: Infinity, angle: 0 }
  for (const [n, [ax, ay]] of polygon.entries()) {
    const [bx, by] = polygon[(n + 1) % polygon.length] ?? [ax, ay]
    const angle = Math.atan2(by - ay, bx - ax)
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity]
    for (const [x, y] of polygon) {
      const [along, across] = [x * cos + y * sin, y * cos - x * sin]
      if (along < left) left = along
      if (along > right) right = along
      if (across < top) top = across
      if (across > bottom) bottom = across
    }
    const [width, height] = [right - left, bottom - top]
    if (width * height >= best.width * best.height) continue
    const [along, across] = [(left + right) / 2, (top + bottom) / 2]
    best = { x: along * cos - across * sin, y: along * sin + across * cos, width, height, angle }
  }
  return best
}

/** The direction in which the text is read: to the right, and downwards where the rectangle is much higher than wide. */
function upright(region: TextRegion): TextRegion {
  const quarter = Math.PI / 2
  let { width, height, angle } = region
  // To between -45° and 45°, so that the width is what lies more level.
  const turns = Math.round(angle / quarter)
  angle -= turns * quarter
  if (turns % 2 !== 0) [width, height] = [height, width]
  // PaddleOCR turns what is 1.5 times as high as wide; a single letter can be that.
  if (height >= width * 2) return { ...region, width: height, height: width, angle: angle + quarter }
  return { ...region, width, height, angle }
}
