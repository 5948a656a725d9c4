import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import { distinctObjects, overlap } from './distinct-objects.js'
import { boxInPicture, inputSide, letterboxOf, squarePixels } from './letterbox.js'

describe('the square that the model looks at', () => {
  it('holds the whole picture in the middle, black beside it', async () => {
    const bytes = await sharp({ create: { width: 300, height: 100, channels: 3, background: '#ffffff' } })
      .png()
      .toBuffer()
    const letterbox = letterboxOf(300, 100)
    assert.deepEqual([letterbox.width, letterbox.height, letterbox.left, letterbox.top], [512, 171, 0, 170])
    const pixels = await squarePixels(sharp, bytes, letterbox)
    assert.equal(pixels.length, inputSide * inputSide * 3)
    const light = (row: number): number | undefined => pixels[row * inputSide * 3 + 300]
    assert.deepEqual([light(0), light(169), light(170), light(340), light(341), light(511)], [0, 0, 255, 255, 0, 0])
  })

  it('gives boxes back in pixels of the picture, cut at its edges, and none that lie beside it', () => {
    const letterbox = letterboxOf(1024, 512)
    assert.deepEqual(boxInPicture([128, 192, 256, 320], letterbox, 1024, 512), {
      left: 256,
      top: 128,
      width: 256,
      height: 256,
    })
    assert.deepEqual(boxInPicture([-20, 100, 900, 600], letterbox, 1024, 512), {
      left: 0,
      top: 0,
      width: 1024,
      height: 512,
    })
    assert.equal(boxInPicture([10, 0, 200, 120], letterbox, 1024, 512), undefined)
  })

  it('takes pictures of any shape', async () => {
    for (const [width, height] of [
      [1, 1],
      [4000, 1],
      [1, 4000],
      [511, 513],
    ] as const) {
      const bytes = await sharp({ create: { width, height, channels: 3, background: '#808080' } })
        .png()
        .toBuffer()
      assert.equal((await squarePixels(sharp, bytes, letterboxOf(width, height))).length, inputSide * inputSide * 3)
    }
  })
})

describe('objects that are found twice', () => {
  const box = (left: number, top: number, width: number, height: number) => ({ left, top, width, height })

  it('are one: of one label when half is shared, of two labels when all but all is', () => {
    const found = distinctObjects([
      { label: 'cow', score: 0.4, box: box(0, 0, 100, 100) },
      { label: 'horse', score: 0.6, box: box(2, 0, 98, 100) },
      { label: 'horse', score: 0.5, box: box(10, 0, 100, 100) },
      { label: 'horse', score: 0.3, box: box(90, 0, 100, 100) },
      { label: 'person', score: 0.9, box: box(20, 0, 60, 100) },
    ])
    assert.deepEqual(
      found.map(({ label, score }) => `${label} ${score}`),
      ['person 0.9', 'horse 0.6', 'horse 0.3'],
    )
  })

  it('overlap by what they share of both together', () => {
    assert.equal(overlap(box(0, 0, 10, 10), box(5, 0, 10, 10)), 1 / 3)
    assert.equal(overlap(box(0, 0, 10, 10), box(10, 0, 10, 10)), 0)
    assert.equal(overlap(box(0, 0, 10, 10), box(0, 0, 10, 10)), 1)
  })
})
