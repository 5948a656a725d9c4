import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { HoldfastError } from '@holdfast/errors'
import sharp from 'sharp'
import { blackPng, testPicture, textBomb } from './pictures-for-tests.js'
import { takePicture } from './take-picture.js'

const mebibyte = 1024 * 1024

describe('a picture from outside', () => {
  it('is taken in as what it is, in its own format', async () => {
    const cat = await testPicture('cat.jpg')
    const made = {
      'image/jpeg': cat,
      'image/png': await sharp(cat).png().toBuffer(),
      'image/webp': await sharp(cat).webp({ lossless: true }).toBuffer(),
    }
    const pixels = await sharp(cat).raw().toBuffer()
    for (const [contentType, bytes] of Object.entries(made)) {
      const picture = await takePicture(bytes, { contentType })
      assert.deepEqual([picture.contentType, picture.width, picture.height], [contentType, 451, 300])
      const difference = meanDifference(pixels, await sharp(picture.bytes).raw().toBuffer())
      assert.ok(difference <= (contentType === 'image/jpeg' ? 1.5 : 0), `${contentType}: ${difference}`)
    }
  })

  it('is a PNG of the first frame when it is an animation', async () => {
    const frames = await Promise.all(
      ['red', 'blue'].map((background) =>
        sharp({ create: { width: 8, height: 6, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    )
    const gif = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer()
    const picture = await takePicture(gif)
    assert.deepEqual([picture.contentType, picture.width, picture.height], ['image/png', 8, 6])
    const { dominant } = await sharp(picture.bytes).stats()
    assert.ok(dominant.r > 200 && dominant.b < 50)
  })

  it('is a JPEG when it is an AVIF, a PNG when that is transparent', async () => {
    const cat = sharp(await testPicture('cat.jpg')).resize(60)
    assert.equal((await takePicture(await cat.clone().avif({ effort: 0 }).toBuffer())).contentType, 'image/jpeg')
    const clear = await cat.clone().ensureAlpha(0.5).avif({ effort: 0 }).toBuffer()
    assert.equal((await takePicture(clear)).contentType, 'image/png')
  })

  it('stands upright as its EXIF says, for all eight orientations', async () => {
    // Red at the left, blue at the right, 20 × 10.
    const left = await sharp({ create: { width: 10, height: 10, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    const scene = sharp({ create: { width: 20, height: 10, channels: 3, background: 'blue' } })
    const upright = await scene
      .composite([{ input: left, left: 0, top: 0 }])
      .png()
      .toBuffer()
    // How the camera held by that orientation stored the scene. Source: Exif 2.3, tag 274
    const stored: Record<number, { angle: number; flop?: boolean; flip?: boolean }> = {
      1: { angle: 0 },
      2: { angle: 0, flop: true },
      3: { angle: 180 },
      4: { angle: 0, flip: true },
      5: { angle: 90, flop: true },
      6: { angle: 270 },
      7: { angle: 270, flop: true },
      8: { angle: 90 },
    }
    for (const [orientation, { angle, flop = false, flip = false }] of Object.entries(stored)) {
      const turned = await sharp(upright).rotate(angle).png().toBuffer()
      const jpeg = sharp(turned)
        .flop(flop)
        .flip(flip)
        .withMetadata({ orientation: Number(orientation) })
      const picture = await takePicture(await jpeg.jpeg({ quality: 100 }).toBuffer())
      assert.deepEqual([picture.width, picture.height], [20, 10], `orientation ${orientation}`)
      assert.equal(picture.wasRotated, orientation !== '1')
      const { data, info } = await sharp(picture.bytes).raw().toBuffer({ resolveWithObject: true })
      const red = 5 * info.channels + 5 * info.width * info.channels
      const blue = red + 10 * info.channels
      assert.ok((data[red] ?? 0) > 200 && (data[blue] ?? 255) < 60, `orientation ${orientation}`)
    }
  })

  it('keeps no metadata: no place, no camera, no profile, no comment', async () => {
    const jpeg = await sharp(await testPicture('cat.jpg'))
      .withExif({ IFD0: { Copyright: 'secret-owner', Model: 'secret-camera' }, IFD3: { GPSLatitude: '51/1 30/1 0/1' } })
      .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"><secret-xmp/></x:xmpmeta>')
      .withIccProfile('p3')
      .toBuffer()
    assert.ok(jpeg.includes('secret-owner') && jpeg.includes('secret-xmp'))
    for (const bytes of [
      jpeg,
      await sharp(jpeg).keepMetadata().png().toBuffer(),
      await sharp(jpeg).keepMetadata().webp().toBuffer(),
    ]) {
      const picture = await takePicture(bytes)
      const { exif, icc, xmp, iptc, orientation, comments } = await sharp(picture.bytes).metadata()
      assert.deepEqual(
        { exif, icc, xmp, iptc, orientation, comments },
        {
          exif: undefined,
          icc: undefined,
          xmp: undefined,
          iptc: undefined,
          orientation: undefined,
          comments: undefined,
        },
      )
      assert.ok(!Buffer.from(picture.bytes).includes('secret'))
    }
  })

  it('becomes 8-bit sRGB from 16 bits and from CMYK', async () => {
    const cat = sharp(await testPicture('cat.jpg'))
    const deep = await cat.clone().toColourspace('rgb16').png().toBuffer()
    assert.equal((await sharp(deep).metadata()).depth, 'ushort')
    const cmyk = await cat.clone().toColourspace('cmyk').jpeg().toBuffer()
    assert.equal((await sharp(cmyk).metadata()).space, 'cmyk')
    for (const bytes of [deep, cmyk]) {
      const { space, depth, channels } = await sharp((await takePicture(bytes)).bytes).metadata()
      assert.deepEqual({ space, depth, channels }, { space: 'srgb', depth: 'uchar', channels: 3 })
    }
  })
})

describe('what is no picture', () => {
  const video = Buffer.concat([
    Buffer.from('\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41', 'latin1'),
    Buffer.alloc(5000),
  ])
  const other: readonly (readonly [string, Buffer, RegExp])[] = [
    ['nothing', Buffer.alloc(0), /^picture is empty/],
    ['an SVG', Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), /is an SVG drawing/],
    ['a PDF', Buffer.from('%PDF-1.7\n%âãÏÓ\n1 0 obj'), /is a PDF document/],
    ['a video', video, /is a video \(MP4/],
    ['a WebM', Buffer.from('1a45dfa3a3428681', 'hex'), /is a video \(Matroska/],
    ['audio', Buffer.from('RIFF\x24\0\0\0WAVEfmt ', 'latin1'), /is audio \(WAV\)/],
    ['a HEIC', Buffer.from('\0\0\0\x1cftypheic\0\0\0\0', 'latin1'), /is a HEIC picture/],
    ['a ZIP', Buffer.from('PK\x03\x04abcd'), /is a ZIP archive/],
    ['text', Buffer.from('not a picture at all'), /is text/],
    ['random bytes', Buffer.from('8f3a11c0ffee00', 'hex'), /is no picture that is known/],
    ['only a beginning', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), /is cut off or damaged/],
    ['a JPEG in name', Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(500, 7)]), /is cut off or damaged/],
  ]
  for (const [name, bytes, message] of other) {
    it(`is refused with the field and what it is: ${name}`, async () => {
      await assert.rejects(takePicture(bytes), refusal('INVALID_ARGUMENT', 'PICTURE_UNREADABLE', message))
    })
  }

  it('is refused when it was sent as something else', async () => {
    const cat = await testPicture('cat.jpg')
    const options = { field: 'other.content', contentType: 'image/png' }
    await assert.rejects(
      takePicture(cat, options),
      refusal('INVALID_ARGUMENT', 'PICTURE_UNREADABLE', /^other\.content is image\/jpeg, and was sent as image\/png/),
    )
    for (const contentType of ['image/jpg', 'IMAGE/JPEG; q=1', 'application/octet-stream', '']) {
      await takePicture(cat, { contentType })
    }
  })

  it('is refused when it was cut off, wherever that was', async () => {
    const cat = sharp(await testPicture('cat.jpg'))
    const whole = [
      await cat.clone().jpeg().toBuffer(),
      await cat.clone().jpeg({ progressive: true }).toBuffer(),
      await cat.clone().png().toBuffer(),
      await cat.clone().webp().toBuffer(),
      await cat.clone().gif().toBuffer(),
    ]
    for (const bytes of whole) {
      for (const part of [0.02, 0.5, 0.9, 0.9995]) {
        await assert.rejects(
          takePicture(bytes.subarray(0, Math.floor(bytes.byteLength * part))),
          refusal('INVALID_ARGUMENT', 'PICTURE_UNREADABLE', /^picture is cut off or damaged/),
        )
      }
    }
  })
})

describe('a picture that is too large', () => {
  it('is refused by its header, without the memory that it would take', async () => {
    const bomb = await blackPng(50_000, 50_000)
    assert.ok(bomb.byteLength < 2 * mebibyte)
    const grown = await growth(() =>
      assert.rejects(
        takePicture(bomb, { field: 'picture.content' }),
        refusal(
          'RESOURCE_EXHAUSTED',
          'PICTURE_TOO_LARGE',
          /^picture\.content has 50,000 × 50,000 pixels, and 16,384 is/,
        ),
      ),
    )
    assert.ok(grown < 32 * mebibyte, `${grown} bytes`)
  })

  it('is refused for pixels, bytes and frames beyond the limits, each named', async () => {
    const small = await blackPng(300, 200)
    const refused = (limits: object, message: RegExp): Promise<void> =>
      assert.rejects(takePicture(small, { limits }), refusal('RESOURCE_EXHAUSTED', 'PICTURE_TOO_LARGE', message))
    await refused({ pixels: 59_999 }, /300 × 200 pixels, and 59,999 in all/)
    await refused({ side: 299 }, /and 299 is the longest side/)
    await refused({ bytes: 50 }, /bytes, and 50 is the most/)
    const frame = await sharp(small).png().toBuffer()
    const animated = await sharp([frame, await sharp(frame).negate().png().toBuffer()], { join: { animated: true } })
      .webp()
      .toBuffer()
    await assert.rejects(
      takePicture(animated, { limits: { frames: 1 } }),
      refusal('RESOURCE_EXHAUSTED', 'PICTURE_TOO_LARGE', /2 frames, and 1 is the most/),
    )
    await takePicture(small, { limits: { pixels: 60_000, side: 300 } })
    await assert.rejects(takePicture(small, { limits: { pixels: 0 } }), /limits\.pixels must be a positive integer/)
  })

  it('takes no memory for what is packed beside the pixels', async () => {
    const bomb = await blackPng(100, 100, await textBomb(512 * mebibyte))
    const grown = await growth(async () => {
      await takePicture(bomb).catch((error: unknown) => assert.ok(error instanceof HoldfastError))
    })
    assert.ok(grown < 64 * mebibyte, `${grown} bytes`)
  })

  it('takes bounded memory within the limits, for many at once', async () => {
    const large = await blackPng(6_000, 6_000)
    await takePicture(large)
    const grown = await growth(() => Promise.all(Array.from({ length: 8 }, () => takePicture(large))))
    assert.ok(grown < 400 * mebibyte, `${grown} bytes`)
  })

  it('is refused as busy when many wait, and whoever waits can leave', async () => {
    const cat = await testPicture('cat.jpg')
    const leave = new AbortController()
    const calls = Array.from({ length: 70 }, (_, n) => takePicture(cat, n === 40 ? { signal: leave.signal } : {}))
    const settling = Promise.allSettled(calls)
    await setImmediate()
    leave.abort()
    const settled = await settling
    const codes = settled.map((one) => (one.status === 'fulfilled' ? 'OK' : (one.reason as HoldfastError).code))
    assert.equal(codes[40], 'CANCELLED')
    assert.equal(codes.filter((code) => code === 'RESOURCE_EXHAUSTED').length, 4)
    assert.equal(codes.filter((code) => code === 'OK').length, 65)
    await takePicture(cat)
  })
})

function refusal(code: string, reason: string, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof HoldfastError)
    assert.match(error.message, message)
    assert.deepEqual([error.code, error.reason], [code, reason])
    assert.equal(error.fields.length, 1)
    assert.ok(error.message.startsWith(error.fields[0]?.field ?? '-'))
    return true
  }
}

/** By how much the process was larger than before, at most. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 2)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return Math.max(most, process.memoryUsage.rss()) - before
}

function meanDifference(one: Buffer, other: Buffer): number {
  assert.equal(one.byteLength, other.byteLength)
  return one.reduce((sum, value, n) => sum + Math.abs(value - (other[n] ?? 0)), 0) / one.byteLength
}
