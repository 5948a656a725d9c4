import { asHoldfastError, invalidField } from '@holdfast/errors'
import type { Picture } from '../vision-model.js'
import { loadSharp } from './sharp.js'
import { pictureOf } from './take-picture.js'

export interface EncodeOptions {
  readonly format: 'png' | 'jpeg' | 'webp'
  /** Of JPEG and WebP, 1 to 100; default 85. */
  readonly quality?: number
}

/** A picture that is trusted already (taken in, or made here) in another format. What is transparent becomes white in a JPEG.
 *  @throws INVALID_ARGUMENT for a quality that there is not */
export async function encodePicture(bytes: Uint8Array, { format, quality = 85 }: EncodeOptions): Promise<Picture> {
  if (!Number.isInteger(quality) || quality < 1 || quality > 100) {
    throw invalidField('quality', `must be a whole number from 1 to 100, not ${quality}`)
  }
  const sharp = await loadSharp()
  try {
    const image = sharp(bytes)
    const encoded =
      format === 'png'
        ? image.png()
        : format === 'webp'
          ? image.webp({ quality })
          : image.flatten({ background: 'white' }).jpeg({ quality })
    const { data, info } = await encoded.toBuffer({ resolveWithObject: true })
    return pictureOf(data, info)
  } catch (error) {
    throw asHoldfastError(error, 'Encoding a picture')
  }
}

/** A WebP for listings, at most `side` (default 256) pixels each way; never larger than the picture. */
export async function thumbnailOf(bytes: Uint8Array, side = 256): Promise<Picture> {
  const sharp = await loadSharp()
  try {
    const image = sharp(bytes).resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    const { data, info } = await image.webp({ quality: 75 }).toBuffer({ resolveWithObject: true })
    return pictureOf(data, info)
  } catch (error) {
    throw asHoldfastError(error, 'Making a thumbnail')
  }
}
