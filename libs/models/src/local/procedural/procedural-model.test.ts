import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { HoldfastError } from '@holdfast/errors'
import sharp from 'sharp'
import type { GeneratedImage, ImageRequest } from '../../image-model.js'
import { takePicture } from '../../pictures/take-picture.js'
import { testPicture } from '../../pictures/pictures-for-tests.js'
import type { Picture } from '../../vision-model.js'
import { proceduralImageModel } from './procedural-model.js'

const model = proceduralImageModel()
const small = { width: 256, height: 192, count: 1, seed: 7 }

async function image(request: Partial<ImageRequest> & { prompt: string }): Promise<GeneratedImage> {
  const { images } = await model.generate({ ...small, ...request })
  return images[0] ?? assert.fail('no image')
}

const digest = ({ bytes }: GeneratedImage): string => createHash('sha256').update(bytes).digest('hex')

describe('a procedural image', () => {
  it('has the same bytes for the same prompt, size and seed, and others for another of them', async () => {
    const prompt = 'a red balloon over green hills at sunset'
    const first = await image({ prompt })
    assert.equal(digest(first), digest(await image({ prompt })))
    assert.equal(
      digest(first),
      digest((await proceduralImageModel().generate({ ...small, prompt })).images[0] as GeneratedImage),
    )
    const others = await Promise.all([
      image({ prompt, seed: 8 }),
      image({ prompt: `${prompt}.` }),
      image({ prompt, width: 255 }),
      image({ prompt, negativePrompt: 'clouds' }),
    ])
    assert.equal(new Set([first, ...others].map(digest)).size, 5)
  })

  it('is of another version with another sharp, whose pixels it has', () => {
    assert.equal(model.version, `1+sharp-${sharp.versions.sharp}`)
  })

  it('is a PNG of the size that was asked for, wide or tall', async () => {
    for (const [width, height] of [
      [64, 64],
      [640, 200],
      [200, 640],
    ] as const) {
      const made = await image({ prompt: 'the sea by night', width, height })
      const metadata = await sharp(made.bytes).metadata()
      assert.deepEqual(
        [metadata.format, metadata.width, metadata.height, metadata.hasAlpha],
        ['png', width, height, false],
      )
      assert.deepEqual([made.width, made.height, made.seed], [width, height, 7])
    }
  })

  it('gives image n the seed n on, each told as it is done, and counts them', async () => {
    const told: number[] = []
    const request = { ...small, prompt: 'mountains', count: 3, seed: 40 }
    const { images, usage } = await model.generate(request, { onImage: ({ seed }) => told.push(seed ?? -1) })
    assert.deepEqual(
      images.map(({ seed }) => seed),
      [40, 41, 42],
    )
    assert.deepEqual(told, [40, 41, 42])
    assert.equal(usage.images, 3)
    assert.equal(digest(images[2] as GeneratedImage), digest(await image({ prompt: 'mountains', seed: 42 })))
    assert.equal(new Set(images.map(digest)).size, 3)
  })

  it('looks like what was asked for: night is dark, snow is white, the sea is blue, a red house is red', async () => {
    const mean = async (prompt: string, negativePrompt = ''): Promise<{ r: number; g: number; b: number }> => {
      const { channels } = await sharp((await image({ prompt, negativePrompt })).bytes).stats()
      const [r = 0, g = 0, b = 0] = channels.map((channel) => channel.mean)
      return { r, g, b }
    }
    const light = ({ r, g, b }: { r: number; g: number; b: number }): number => r + g + b
    const [day, night, winter, sea, desert] = await Promise.all(
      ['hills by day', 'hills by night', 'winter hills by day', 'the sea by day', 'a desert by day'].map((prompt) =>
        mean(prompt),
      ),
    )
    assert.ok(light(night!) < light(day!) / 2)
    assert.ok(light(winter!) > light(day!) * 1.08)
    assert.ok(sea!.b > sea!.r * 1.3)
    assert.ok(desert!.r - desert!.b > sea!.r - sea!.b + 40)
    const [plain, red] = [await mean('a white house'), await mean('three huge red houses')]
    assert.ok(red.r - red.g > plain.r - plain.g + 2)
  })

  it('says what was made of the words, and which were not understood', async () => {
    const { revisedPrompt = '' } = await image({
      prompt: 'a sleepy wombat and two cats by a lake at dawn',
      negativePrompt: 'clouds',
    })
    assert.match(revisedPrompt, /^a procedural scene: lake, dawn/)
    assert.match(revisedPrompt, /2 × cat/)
    assert.match(revisedPrompt, /without cloud/)
    assert.match(revisedPrompt, /not understood: sleepy, wombat$/)
  })

  it('draws forms where it understands nothing, in any language, and never puts the words into the picture', async () => {
    for (const prompt of ['quantum jurisprudence', '静かな量子', '<svg onload="x"/>&amp;\u0000', '🙂']) {
      const made = await image({ prompt })
      assert.match(made.revisedPrompt ?? '', /composition of forms|procedural scene/)
      assert.equal((await sharp(made.bytes).metadata()).width, 256)
    }
  })

  it('refuses sizes, counts, seeds and prompts beyond its limits, naming the field', async () => {
    const refused: readonly (readonly [Partial<ImageRequest>, string])[] = [
      [{ prompt: ' ' }, 'prompt'],
      [{ prompt: 'x'.repeat(4097) }, 'prompt'],
      [{ width: 63 }, 'width'],
      [{ height: 2049 }, 'height'],
      [{ width: 100.5 }, 'width'],
      [{ count: 11 }, 'count'],
      [{ seed: -1 }, 'seed'],
      [{ seed: 2 ** 31 - 1, count: 2 }, 'seed'],
    ]
    for (const [change, field] of refused) {
      await assert.rejects(
        async () => await model.generate({ ...small, prompt: 'hills', ...change }),
        (error: HoldfastError) => error.code === 'INVALID_ARGUMENT' && error.fields[0]?.field === field,
        field,
      )
    }
  })

  it('ends between two images when it is cancelled', async () => {
    const stop = new AbortController()
    let made = 0
    const call = model.generate(
      { ...small, prompt: 'hills', count: 10 },
      {
        signal: stop.signal,
        onImage: () => {
          made++
          stop.abort()
        },
      },
    )
    await assert.rejects(call, { code: 'CANCELLED' })
    assert.equal(made, 1)
  })
})

describe('a procedural edit', () => {
  const size = { width: 300, height: 200, count: 1, seed: 3 }
  const coffee = async (): Promise<Picture> => takePicture(await testPicture('coffee.jpg'))

  it('is the same each time, and changes what the words say', async () => {
    const picture = await coffee()
    const edit = async (prompt: string): Promise<GeneratedImage> => {
      const { images } = await model.edit({ ...size, prompt, picture })
      return images[0] ?? assert.fail('no image')
    }
    const night = await edit('make it night')
    assert.equal(digest(night), digest(await edit('make it night')))
    assert.match(night.revisedPrompt ?? '', /^a procedural edit: night light$/)
    const before = await sharp(picture.bytes).resize(300, 200).stats()
    const after = await sharp(night.bytes).stats()
    assert.ok((after.channels[0]?.mean ?? 255) < (before.channels[0]?.mean ?? 0) * 0.7)
    const grey = await sharp((await edit('black and white')).bytes).stats()
    assert.ok(Math.abs((grey.channels[0]?.mean ?? 0) - (grey.channels[2]?.mean ?? 99)) < 0.5)
    assert.match(
      (await edit('add three red balloons, much warmer')).revisedPrompt ?? '',
      /warmer; with 3 × balloon laid over it/,
    )
  })

  it('leaves what the mask covers as it is, to the pixel', async () => {
    const picture = await coffee()
    const hole = await sharp({ create: { width: 200, height: 400, channels: 4, background: '#000f' } })
      .png()
      .toBuffer()
    const bytes = await sharp({ create: { width: 600, height: 400, channels: 4, background: '#000f' } })
      .composite([{ input: hole, left: 400, top: 0, blend: 'dest-out' }])
      .png()
      .toBuffer()
    const mask: Picture = { bytes, contentType: 'image/png', width: 600, height: 400 }
    const request = { ...size, width: 600, height: 400, prompt: 'invert, add a cat', picture, mask }
    const { images } = await model.edit(request)
    const covered = { left: 0, top: 0, width: 400, height: 400 }
    const open = { left: 400, top: 0, width: 200, height: 400 }
    const pixels = (from: Uint8Array, part: typeof covered): Promise<Buffer> =>
      sharp(from).removeAlpha().extract(part).raw().toBuffer()
    const made = images[0]?.bytes ?? assert.fail('no image')
    assert.ok((await pixels(made, covered)).equals(await pixels(picture.bytes, covered)))
    assert.ok(!(await pixels(made, open)).equals(await pixels(picture.bytes, open)))
  })

  it('refuses a mask without transparent parts', async () => {
    const picture = await coffee()
    await assert.rejects(model.edit({ ...size, prompt: 'invert', picture, mask: picture }), {
      code: 'INVALID_ARGUMENT',
      message: /^mask has no transparent parts/,
    })
    const full = await sharp({ create: { width: 30, height: 20, channels: 4, background: '#123f' } })
      .png()
      .toBuffer()
    const mask: Picture = { bytes: full, contentType: 'image/png', width: 30, height: 20 }
    await assert.rejects(model.edit({ ...size, prompt: 'invert', picture, mask }), {
      code: 'INVALID_ARGUMENT',
      message: /^mask is transparent nowhere/,
    })
  })
})
