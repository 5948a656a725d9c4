import { HoldfastError, invalidField } from '@holdfast/errors'

/** What a picture may be at most. */
export interface PictureLimits {
  /** Of the encoded picture; default 20 MiB. */
  readonly bytes: number
  /** Width times height; default 50,000,000. Decoded, a picture takes four bytes for each. */
  readonly pixels: number
  /** Width and height; default 16,384. */
  readonly side: number
  /** Of an animation, of which the first is taken; default 1,000. */
  readonly frames: number
}

export const defaultPictureLimits: PictureLimits = {
  bytes: 20 * 1024 * 1024,
  pixels: 50_000_000,
  side: 16_384,
  frames: 1_000,
}

/** @throws INVALID_ARGUMENT naming the limit that is not a positive integer */
export function pictureLimits(limits: Partial<PictureLimits> = {}): PictureLimits {
  const all = { ...defaultPictureLimits, ...limits }
  for (const [name, value] of Object.entries(all)) {
    if (!Number.isSafeInteger(value) || value < 1) throw invalidField(`limits.${name}`, 'must be a positive integer')
  }
  return all
}

export function checkBytes(bytes: Uint8Array, limits: PictureLimits, field: string): void {
  if (bytes.byteLength > limits.bytes) {
    throw beyondLimit(field, `has ${count(bytes.byteLength)} bytes, and ${count(limits.bytes)} is the most`)
  }
}

/** Looks at what the header says, before anything is decoded. */
export function checkSize(width: number, height: number, limits: PictureLimits, field: string): void {
  const size = `has ${count(width)} × ${count(height)} pixels`
  if (width > limits.side || height > limits.side) {
    throw beyondLimit(field, `${size}, and ${count(limits.side)} is the longest side that is taken`)
  }
  if (width * height > limits.pixels) {
    throw beyondLimit(field, `${size}, and ${count(limits.pixels)} in all is the most`)
  }
}

export function checkFrames(frames: number, limits: PictureLimits, field: string): void {
  if (frames > limits.frames) {
    throw beyondLimit(field, `has ${count(frames)} frames, and ${count(limits.frames)} is the most`)
  }
}

function beyondLimit(field: string, description: string): HoldfastError {
  return new HoldfastError('RESOURCE_EXHAUSTED', `${field} ${description}`, {
    reason: 'PICTURE_TOO_LARGE',
    fields: [{ field, description }],
  })
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}
