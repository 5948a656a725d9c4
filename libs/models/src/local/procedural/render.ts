import type { Sharp } from '../../pictures/sharp.js'
import type { Style } from './vocabulary.js'

export type Image = ReturnType<Sharp>

/** The drawing as a PNG of its size. */
export function render(sharp: Sharp, svg: string, width: number, height: number, style: Style): Promise<Uint8Array> {
  return styled(sharp, sharp(Buffer.from(svg)).flatten({ background: '#ffffff' }), width, height, style)
}

export async function styled(
  sharp: Sharp,
  image: Image,
  width: number,
  height: number,
  style: Style,
): Promise<Uint8Array> {
  if (style === 'plain') return png(image)
  const plain = sharp(await image.png({ compressionLevel: 1 }).toBuffer())
  switch (style) {
    case 'monochrome':
      return png(plain.greyscale())
    case 'sepia': {
      const grey = await plain.greyscale().toColourspace('srgb').png().toBuffer()
      return png(sharp(grey).toColourspace('srgb').linear([1.04, 0.93, 0.74], [16, 8, 0]))
    }
    case 'pixels': {
      const small = await plain
        .resize(Math.ceil(width / 8), Math.ceil(height / 8), { fit: 'fill' })
        .png()
        .toBuffer()
      return png(sharp(small).resize(width, height, { fit: 'fill', kernel: 'nearest' }))
    }
    case 'watercolour': {
      const soft = await plain
        .median(Math.max(3, Math.round(Math.min(width, height) / 170)))
        .png()
        .toBuffer()
      return png(sharp(soft).modulate({ saturation: 0.82, brightness: 1.06 }))
    }
  }
}

export function png(image: Image): Promise<Uint8Array> {
  return image.removeAlpha().toColourspace('srgb').png({ compressionLevel: 6 }).toBuffer()
}
