import type { Sharp } from '../../pictures/sharp.js'
import type { Box } from '../../vision-model.js'

/** The side of the square that the model looks at. */
export const inputSide = 512

/** How a picture lies in the square: as large as fits, in the middle, black beside it. (Of black, grey, white, stretched and other
 *  resampling, black found most on twelve photographs; stretched pictures made a cat a dog.) */
export interface Letterbox {
  readonly scale: number
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export function letterboxOf(width: number, height: number): Letterbox {
  const scale = Math.min(inputSide / width, inputSide / height)
  const [inner, tall] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))]
  return {
    scale,
    width: inner,
    height: tall,
    left: Math.floor((inputSide - inner) / 2),
    top: Math.floor((inputSide - tall) / 2),
  }
}

/** Red, green and blue of each pixel of the square, 0 to 255. */
export async function squarePixels(
  sharp: Sharp,
  bytes: Uint8Array,
  { width, height, left, top }: Letterbox,
): Promise<Float32Array> {
  const pixels = await sharp(bytes)
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .extend({ left, top, right: inputSide - width - left, bottom: inputSide - height - top, background: '#000000' })
    .removeAlpha()
    .raw()
    .toBuffer()
  return Float32Array.from(pixels)
}

/** A box of the square in whole pixels of the picture, cut at its edges; nothing if it lies beside the picture. */
export function boxInPicture(
  corners: readonly [number, number, number, number],
  letterbox: Letterbox,
  width: number,
  height: number,
): Box | undefined {
  const { scale, left, top } = letterbox
  const within = (value: number, most: number): number => Math.round(Math.min(most, Math.max(0, value)))
  const [x1, y1] = [within((corners[0] - left) / scale, width), within((corners[1] - top) / scale, height)]
  const [x2, y2] = [within((corners[2] - left) / scale, width), within((corners[3] - top) / scale, height)]
  return x2 > x1 && y2 > y1 ? { left: x1, top: y1, width: x2 - x1, height: y2 - y1 } : undefined
}
