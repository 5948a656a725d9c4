import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeLine } from './decode-line.js'
import { lineHeight, linePixels } from './line-pixels.js'
import { textRegions } from './text-regions.js'

/** A map with one bar of text in it, turned around its middle. */
function bar(width: number, height: number, long: number, high: number, angle: number, value = 0.9): Float32Array {
  const map = new Float32Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [x + 0.5 - width / 2, y + 0.5 - height / 2]
      const along = dx * Math.cos(angle) + dy * Math.sin(angle)
      const across = dy * Math.cos(angle) - dx * Math.sin(angle)
      if (Math.abs(along) < long / 2 && Math.abs(across) < high / 2) map[y * width + x] = value
    }
  }
  return map
}

describe('regions of text', () => {
  it('are where the map says, grown by half of what they are high, at any angle', () => {
    for (const degrees of [0, 7, -12, 30, -40]) {
      const angle = (degrees * Math.PI) / 180
      const [region, ...others] = textRegions(bar(300, 300, 160, 12, angle), 300, 300)
      assert.ok(region !== undefined && others.length === 0)
      assert.ok(Math.abs(region.x - 150) < 2 && Math.abs(region.y - 150) < 2, `${degrees}°`)
      assert.ok(Math.abs(region.angle - angle) < 0.03, `${degrees}°: ${region.angle}`)
      assert.ok(
        Math.abs(region.width - 177) < 6 && Math.abs(region.height - 29) < 6,
        `${region.width} × ${region.height}`,
      )
      assert.ok(Math.abs(region.score - 0.9) < 0.01)
    }
  })

  it('are read downwards where they stand upright, and level where they are a single letter', () => {
    const [upright] = textRegions(bar(200, 200, 12, 120, 0), 200, 200)
    assert.ok(upright !== undefined && upright.width > upright.height && Math.abs(upright.angle - Math.PI / 2) < 0.02)
    const [letter] = textRegions(bar(200, 200, 20, 30, 0), 200, 200)
    assert.ok(letter !== undefined && Math.abs(letter.angle) < 0.02 && letter.height > letter.width)
  })

  it('are none where the map is unsure or the spot is tiny', () => {
    assert.deepEqual(textRegions(bar(100, 100, 60, 10, 0, 0.5), 100, 100), [])
    assert.deepEqual(textRegions(bar(100, 100, 2, 2, 0), 100, 100), [])
    assert.deepEqual(textRegions(new Float32Array(100 * 100), 100, 100), [])
    assert.equal(textRegions(new Float32Array(100 * 100).fill(1), 100, 100).length, 1)
  })
})

describe('a line of text', () => {
  it('is laid level: what was its left end is at the left, whatever its angle', () => {
    const [width, height] = [200, 200]
    for (const degrees of [0, 25, 90, -30]) {
      const angle = (degrees * Math.PI) / 180
      const data = new Uint8Array(width * height * 3)
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const along = (x + 0.5 - 100) * Math.cos(angle) + (y + 0.5 - 100) * Math.sin(angle)
          // Red at the beginning, blue at the end.
          data[(y * width + x) * 3 + (along < 0 ? 0 : 2)] = 255
        }
      }
      const region = { x: 100, y: 100, width: 120, height: 30, angle, score: 1 }
      const { values, width: wide } = linePixels({ data, width, height }, region)
      assert.equal(wide, 192)
      const middle = (lineHeight / 2) * wide
      const [blue, red] = [0, 2 * lineHeight * wide]
      assert.ok((values[red + middle + 10] ?? 0) > 0.9 && (values[blue + middle + 10] ?? 0) < -0.9, `${degrees}°`)
      assert.ok(
        (values[red + middle + wide - 10] ?? 0) < -0.9 && (values[blue + middle + wide - 10] ?? 0) > 0.9,
        `${degrees}°`,
      )
    }
  })

  it('is decoded with repeated characters once, and twice with a pause between them', () => {
    const step = (kind: number, value = 1): number[] => [0, 1, 2, 3].map((n) => (n === kind ? value : 0))
    const steps = [0, 1, 1, 0, 1, 2, 2, 0, 3].flatMap((kind) => step(kind, kind === 3 ? 0.5 : 1))
    assert.deepEqual(decodeLine(Float32Array.from(steps), 4, ['a', 'b', 'c']), { text: 'aabc', score: 0.875 })
    assert.deepEqual(decodeLine(Float32Array.from(step(0)), 4, ['a', 'b', 'c']), { text: '', score: 0 })
  })
})
