import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import { encodePicture, thumbnailOf } from './picture-forms.js'
import { testPicture } from './pictures-for-tests.js'

describe('the forms of a picture', () => {
  it('encodes as PNG, JPEG and WebP, the same each time', async () => {
    const cat = await testPicture('cat.jpg')
    for (const format of ['png', 'jpeg', 'webp'] as const) {
      const picture = await encodePicture(cat, { format })
      assert.deepEqual([picture.contentType, picture.width, picture.height], [`image/${format}`, 451, 300])
      assert.equal((await sharp(picture.bytes).metadata()).format, format)
      assert.deepEqual(picture.bytes, (await encodePicture(cat, { format })).bytes)
    }
  })

  it('is smaller with less quality, and refuses a quality that there is not', async () => {
    const cat = await testPicture('cat.jpg')
    const sizes = await Promise.all(
      [95, 60, 20].map(async (quality) => (await encodePicture(cat, { format: 'webp', quality })).bytes.byteLength),
    )
    assert.ok(sizes[0]! > sizes[1]! && sizes[1]! > sizes[2]!)
    await assert.rejects(encodePicture(cat, { format: 'jpeg', quality: 101 }), { code: 'INVALID_ARGUMENT' })
  })

  it('shows what is transparent as white in a JPEG', async () => {
    const clear = await sharp({ create: { width: 4, height: 4, channels: 4, background: '#0000' } })
      .png()
      .toBuffer()
    const { dominant } = await sharp((await encodePicture(clear, { format: 'jpeg' })).bytes).stats()
    assert.ok(dominant.r > 240)
  })

  it('has a thumbnail within 256 pixels that is never larger than the picture', async () => {
    const { contentType, width, height, bytes } = await thumbnailOf(await testPicture('cat.jpg'))
    assert.deepEqual([contentType, width, height], ['image/webp', 256, 170])
    assert.ok(bytes.byteLength < 10_000)
    const small = await sharp({ create: { width: 20, height: 10, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    assert.equal((await thumbnailOf(small)).width, 20)
  })
})
