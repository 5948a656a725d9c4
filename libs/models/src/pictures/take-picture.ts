import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Metadata, OutputInfo } from 'sharp'
import type { Picture } from '../vision-model.js'
import { decodingTurns } from './decoding-turns.js'
import { contentTypes, type PictureFormat, sniffPicture } from './picture-format.js'
import { checkBytes, checkFrames, checkSize, type PictureLimits, pictureLimits } from './picture-limits.js'
import { loadSharp, type Sharp } from './sharp.js'

export interface TakePictureOptions {
  /** Of the caller's request, for errors; default `picture`. */
  readonly field?: string
  /** What the caller says that it is; refused where the bytes say otherwise. Empty is as absent. */
  readonly contentType?: string
  readonly limits?: Partial<PictureLimits>
  /** Looked at before and after decoding, which itself is not interrupted. */
  readonly signal?: AbortSignal
}

export interface TakenPicture extends Picture {
  /** It was stored lying or mirrored, and its EXIF said so. */
  readonly wasRotated: boolean
}

/** Decoding takes about 25 ms a megapixel; what takes longer than this, in seconds, is made to take long. */
const decodingSeconds = 30

/** Takes in a picture from outside: found out by its content, within the limits before it is decoded, decoded whole, turned
 *  upright as its EXIF says, brought to 8-bit sRGB, and encoded anew without metadata. PNG, JPEG and WebP stay what they are, a GIF
 *  becomes a PNG of its first frame, an AVIF a JPEG, or a PNG where it is transparent. At most two pictures are decoded at a time.
 *  @throws INVALID_ARGUMENT with the reason PICTURE_UNREADABLE for what is empty, no picture, cut off or damaged; RESOURCE_EXHAUSTED with
 *  the reason PICTURE_TOO_LARGE for what is beyond a limit, and PICTURES_BUSY when too many wait; CANCELLED; FAILED_PRECONDITION with the
 *  reason MODEL_NOT_INSTALLED without the package `sharp` */
export async function takePicture(bytes: Uint8Array, options: TakePictureOptions = {}): Promise<TakenPicture> {
  const { field = 'picture', contentType = '', signal } = options
  const limits = pictureLimits(options.limits)
  if (bytes.byteLength === 0) throw unreadable(field, 'is empty: send the bytes of a PNG, JPEG, WebP, GIF or AVIF')
  checkBytes(bytes, limits, field)
  const sniffed = sniffPicture(bytes)
  if ('other' in sniffed) throw unreadable(field, `is ${sniffed.other}: send a PNG, JPEG, WebP, GIF or AVIF`)
  checkContentType(contentType, sniffed.format, field)
  const sharp = await loadSharp()
  return decodingTurns.run(() => decode(sharp, bytes, sniffed.format, limits, field), signal)
}

function checkContentType(contentType: string, format: PictureFormat, field: string): void {
  const [type = ''] = contentType.toLowerCase().split(';')
  const said = type.trim().replace('image/jpg', 'image/jpeg')
  if (['', 'application/octet-stream', 'image/*', contentTypes[format]].includes(said)) return
  throw unreadable(field, `is ${contentTypes[format]}, and was sent as ${said.slice(0, 100)}`)
}

async function decode(
  sharp: Sharp,
  bytes: Uint8Array,
  format: PictureFormat,
  limits: PictureLimits,
  field: string,
): Promise<TakenPicture> {
  const metadata = await header(sharp, bytes, field)
  // What libvips takes it for is what is decoded.
  if (metadata.format !== (format === 'avif' ? 'heif' : format))
    throw unreadable(field, `is no whole ${format.toUpperCase()}`)
  checkSize(metadata.width, metadata.height, limits, field)
  checkFrames(metadata.pages ?? 1, limits, field)
  try {
    const image = sharp(bytes, { failOn: 'error', limitInputPixels: limits.pixels })
      .autoOrient()
      .toColourspace('srgb')
      .timeout({ seconds: decodingSeconds })
    const encoded =
      format === 'jpeg' || (format === 'avif' && !metadata.hasAlpha)
        ? image.jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
        : format === 'webp'
          ? image.webp(isLosslessWebp(bytes) ? { lossless: true, effort: 1 } : { quality: 95, effort: 1 })
          : image.png({ compressionLevel: 6 })
    const { data, info } = await encoded.toBuffer({ resolveWithObject: true })
    return { ...pictureOf(data, info), wasRotated: (metadata.orientation ?? 1) !== 1 }
  } catch (error) {
    throw decodingFailed(error, field)
  }
}

/** The limit on pixels is ours: the error of libvips would not say how many there are. */
async function header(sharp: Sharp, bytes: Uint8Array, field: string): Promise<Metadata> {
  try {
    return await sharp(bytes, { failOn: 'error', limitInputPixels: false }).metadata()
  } catch (error) {
    throw decodingFailed(error, field)
  }
}

export function pictureOf(data: Uint8Array, { format, width, height }: OutputInfo): Picture {
  return { bytes: data, contentType: contentTypes[format as PictureFormat], width, height }
}

function decodingFailed(error: unknown, field: string): HoldfastError {
  const text = error instanceof Error ? error.message : String(error)
  if (/timeout/i.test(text)) return unreadable(field, `takes longer than ${decodingSeconds} s to decode`, error)
  const [firstLine = ''] = text.split('\n')
  return unreadable(field, `is cut off or damaged (${firstLine.trim()})`, error)
}

function unreadable(field: string, description: string, cause?: unknown): HoldfastError {
  return invalidField(field, description, { reason: 'PICTURE_UNREADABLE', ...(cause === undefined ? {} : { cause }) })
}

/** Whether its pixels are stored as they are: a drawing or a screenshot rather than a photograph.
 *  Source: RFC 9649, section 2.6 */
function isLosslessWebp(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 64)).includes('VP8L')
}
