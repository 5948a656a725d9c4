import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import sharp, { type Sharp } from 'sharp'
import { takePicture } from '../../pictures/take-picture.js'
import { type TestPicture, testPicture } from '../../pictures/pictures-for-tests.js'
import type { Box, Picture } from '../../vision-model.js'
import { overlap } from '../centernet/distinct-objects.js'
import { localVisionModel } from './local-vision-model.js'

const model = localVisionModel()
after(() => model[Symbol.asyncDispose]())

const picture = async (name: TestPicture): Promise<Picture> => takePicture(await testPicture(name))
const changed = async (name: TestPicture, change: (image: Sharp) => Sharp): Promise<Picture> =>
  takePicture(await change(sharp(await testPicture(name))).toBuffer())

const page = [
  'Region-based segmentation',
  'Let us first determine markers of the coins and the',
  'background. These markers are pixels that we can label',
  'unambiguously as either object or background. Here,',
  'the markers are found at the two extreme parts of the',
  'histogram of grey values:',
  '>>> markers = np.zeros_like(coins)',
]

describe('the local vision model', () => {
  it('loads with the first call, and says so', async () => {
    assert.deepEqual([model.states().centernet.status, model.states().ocr.status], ['unloaded', 'unloaded'])
    const { ok, detail } = await model.check()
    assert.ok(ok, detail)
    assert.match(detail, /loads with the first call/)
    await model.detect(await picture('cat.jpg'))
    assert.deepEqual([model.states().centernet.status, model.states().ocr.status], ['ready', 'unloaded'])
  })

  it('finds what is on photographs, in pixels of the picture', async () => {
    const expected: readonly (readonly [TestPicture, string, Box])[] = [
      ['astronaut.jpg', 'person', { left: 10, top: 5, width: 370, height: 507 }],
      ['cat.jpg', 'cat', { left: 0, top: 0, width: 410, height: 300 }],
      ['coffee.jpg', 'cup', { left: 170, top: 15, width: 245, height: 255 }],
    ]
    for (const [name, label, box] of expected) {
      const { objects, usage } = await model.detect(await picture(name))
      const [first] = objects
      assert.equal(first?.label, label, name)
      assert.ok(first !== undefined && first.score > 0.4 && overlap(first.box, box) > 0.7, JSON.stringify(first))
      assert.ok((usage.computeMs ?? 0) > 0)
      // The same again, at another size.
      if (name !== 'coffee.jpg') continue
      const large = await model.detect(await changed(name, (image) => image.resize({ width: 1400 })))
      const scale = 1400 / (await picture(name)).width
      const at = large.objects.find((one) => one.label === label)?.box ?? assert.fail(name)
      const back = { left: at.left / scale, top: at.top / scale, width: at.width / scale, height: at.height / scale }
      assert.ok(overlap(back, first.box) > 0.85, name)
    }
  })

  it('finds no more than it is asked for, and nothing where nothing is', async () => {
    const coffee = await picture('coffee.jpg')
    assert.equal((await model.detect(coffee, { limit: 1, minScore: 0.05 })).objects.length, 1)
    assert.deepEqual((await model.detect(coffee, { minScore: 0.99 })).objects, [])
    assert.deepEqual((await model.detect(await picture('page.png'))).objects, [])
    await assert.rejects(async () => await model.detect(coffee, { minScore: 2 }), {
      code: 'INVALID_ARGUMENT',
      message: /^minScore/,
    })
    for (const [width, height] of [
      [1, 1],
      [3000, 2],
      [2, 3000],
    ] as const) {
      const bytes = await sharp({ create: { width, height, channels: 3, background: '#777777' } })
        .png()
        .toBuffer()
      await model.describe(await takePicture(bytes))
    }
  })

  it('reads a photographed page, line by line', async () => {
    const { lines } = await model.read(await picture('page.png'))
    const text = lines.map((line) => line.text)
    assert.equal(text.length, page.length)
    assert.ok(characterErrors(text.join('\n'), page.join('\n')) <= 0.02, text.join('\n'))
    for (const { score = 0 } of lines) assert.ok(score > 0.8)
    const tops = lines.map(({ box }) => box?.top ?? -1)
    assert.deepEqual(
      tops,
      tops.toSorted((one, other) => one - other),
    )
  })

  it('reads a page that lies askew, one that is coloured, and one that was held upside right by its EXIF', async () => {
    const tilted = await changed('page.png', (image) => image.rotate(9, { background: '#bbbbbb' }).png())
    const coloured = await changed('page.png', (image) =>
      image.resize({ width: 900 }).tint('#7090ff').jpeg({ quality: 60 }),
    )
    const sideways = await sharp(await testPicture('page.png'))
      .rotate(270)
      .jpeg()
      .withMetadata({ orientation: 6 })
      .toBuffer()
    for (const one of [tilted, coloured, await takePicture(sideways)]) {
      const { lines } = await model.read(one)
      const text = lines.map((line) => line.text).join('\n')
      assert.ok(characterErrors(text, page.join('\n')) <= 0.05, text)
    }
    assert.deepEqual((await model.read(await picture('cat.jpg'))).lines, [])
  })

  it('describes what it found and read, the same each time', async () => {
    const cat = await model.describe(await picture('cat.jpg'))
    assert.equal(cat.basis, 'detections')
    assert.match(cat.text, /^A wide picture of 451 × 300 pixels\. It shows a cat that fills most of it/)
    assert.equal(cat.text, (await model.describe(await picture('cat.jpg'))).text)
    assert.match(
      (await model.describe(await picture('page.png'))).text,
      /Text in it reads: “Region-based segmentation Let us first determine/,
    )
  })

  it('gives near vectors to pictures that look alike, and others to others', async () => {
    const names = ['cat.jpg', 'coffee.jpg', 'astronaut.jpg', 'page.png'] as const
    const vectors = await Promise.all(names.map(async (name) => (await model.embed(await picture(name))).vector))
    for (const vector of vectors) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5)
    const different = vectors.flatMap((one, n) => vectors.slice(n + 1).map((other) => product(one, other)))
    const alike: number[] = []
    for (const [n, name] of names.slice(0, 2).entries()) {
      const { width, height } = await picture(name)
      const inner = {
        left: Math.round(width * 0.08),
        top: Math.round(height * 0.08),
        width: Math.round(width * 0.84),
        height: Math.round(height * 0.84),
      }
      for (const change of [
        (image: Sharp) => image.resize({ width: Math.round(width * 0.6) }),
        (image: Sharp) => image.jpeg({ quality: 30 }),
        (image: Sharp) => image.extract(inner),
        (image: Sharp) => image.modulate({ brightness: 1.15 }),
      ]) {
        alike.push(product(vectors[n] ?? assert.fail(), (await model.embed(await changed(name, change))).vector))
      }
    }
    assert.ok(
      Math.min(...alike) > 0.8 && Math.max(...different) < 0.65,
      `alike ${Math.min(...alike)}, different ${Math.max(...different)}`,
    )
  })

  it('stops within 200 ms when it is cancelled, and works on', async () => {
    const long = await changed('page.png', (image) => image.resize({ width: 3000 }))
    await model.read(await picture('page.png'))
    const stop = new AbortController()
    const reading = assert.rejects(model.read(long, { signal: stop.signal }), { code: 'CANCELLED' })
    await delay(150)
    const stoppedAt = performance.now()
    stop.abort()
    await reading
    // On an idle machine within 150 ms; here the bound is for machines that do much else.
    assert.ok(performance.now() - stoppedAt < 2_000)
    assert.equal(model.states().ocr.running, false)
    assert.equal((await model.read(await picture('page.png'))).lines.length, page.length)
  })

  it('survives bytes that are no picture', async () => {
    const broken: Picture = { bytes: Buffer.from('not a picture'), contentType: 'image/png', width: 10, height: 10 }
    await assert.rejects(model.detect(broken), { code: 'INTERNAL' })
    await assert.rejects(model.read(broken), { code: 'INTERNAL' })
    await assert.rejects(model.describe(broken), { code: 'INTERNAL' })
    assert.equal((await model.detect(await picture('cat.jpg'))).objects[0]?.label, 'cat')
  })
})

const product = (one: Float32Array, other: Float32Array): number =>
  one.reduce((sum, value, n) => sum + value * (other[n] ?? 0), 0)

/** Edits over the length of what should stand there, spaces not counted. */
function characterErrors(text: string, expected: string): number {
  const [from, to] = [text.replaceAll(/\s/g, ''), expected.replaceAll(/\s/g, '')]
  let row = Array.from({ length: to.length + 1 }, (_, n) => n)
  for (const [n, character] of Array.from(from).entries()) {
    const next = [n + 1]
    for (const [m, wanted] of Array.from(to).entries())
      next.push(Math.min((row[m + 1] ?? 0) + 1, (next[m] ?? 0) + 1, (row[m] ?? 0) + (character === wanted ? 0 : 1)))
    row = next
  }
  return (row.at(-1) ?? 0) / to.length
}
