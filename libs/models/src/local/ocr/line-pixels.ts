import type { TextRegion } from './text-regions.js'

export interface Pixels {
  /** Red, green, blue. */
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

/** The height of the lines that the model reads, and the most that it gets at once. */
export const lineHeight = 48
const widest = 3_200

/** A line of text laid level, `lineHeight` high: blue, green and red in planes, -1 to 1, as PaddleOCR's models take it. Where the line is
 *  higher than that in the picture, several of its pixels are averaged into one. */
export function linePixels(
  { data, width, height }: Pixels,
  region: TextRegion,
): { values: Float32Array; width: number } {
  const scale = region.height / lineHeight
  const wide = Math.min(widest, Math.max(16, Math.round(region.width / scale)))
  const stepX = region.width / wide
  const [cos, sin] = [Math.cos(region.angle), Math.sin(region.angle)]
  const samples = Math.min(4, Math.max(1, Math.round(scale)))
  const plane = lineHeight * wide
  const values = new Float32Array(plane * 3)
  for (let row = 0; row < lineHeight; row++) {
    for (let column = 0; column < wide; column++) {
      let [red, green, blue] = [0, 0, 0]
      for (let subRow = 0; subRow < samples; subRow++) {
        for (let subColumn = 0; subColumn < samples; subColumn++) {
          const along = (column + (subColumn + 0.5) / samples) * stepX - region.width / 2
          const across = (row + (subRow + 0.5) / samples) * scale - region.height / 2
          const x = Math.min(width - 1, Math.max(0, region.x + along * cos - across * sin - 0.5))
          const y = Math.min(height - 1, Math.max(0, region.y + along * sin + across * cos - 0.5))
          const [x0, y0] = [Math.floor(x), Math.floor(y)]
          const [partX, partY] = [x - x0, y - y0]
          const at = (y0 * width + x0) * 3
          const right = x0 + 1 < width ? 3 : 0
          const below = y0 + 1 < height ? width * 3 : 0
          const [topLeft, topRight] = [(1 - partX) * (1 - partY), partX * (1 - partY)]
          const [bottomLeft, bottomRight] = [(1 - partX) * partY, partX * partY]
          const channel = (n: number): number =>
            (data[at + n] ?? 0) * topLeft +
            (data[at + right + n] ?? 0) * topRight +
            (data[at + below + n] ?? 0) * bottomLeft +
            (data[at + right + below + n] ?? 0) * bottomRight
          red += channel(0)
          green += channel(1)
          blue += channel(2)
        }
      }
      const at = row * wide + column
      const full = 127.5 * samples * samples
      values[at] = blue / full - 1
      values[plane + at] = green / full - 1
      values[2 * plane + at] = red / full - 1
    }
  }
  return { values, width: wide }
}
