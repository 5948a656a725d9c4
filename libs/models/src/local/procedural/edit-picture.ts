import { HoldfastError, invalidField } from '@holdfast/errors'
import type { OverlayOptions } from 'sharp'
import type { Sharp } from '../../pictures/sharp.js'
import type { Picture } from '../../vision-model.js'
import { cast } from './cast.js'
import { type Adjustment, adjustmentFrom, isAdjustment } from './edit-words.js'
import { drawAddedFigures, drawAddedWeather, type Region } from './overlay.js'
import { Random } from './random.js'
import { png, styled } from './render.js'
import { type Scene, sceneFrom, timeIsSaid } from './scene.js'

export interface Edited {
  readonly bytes: Uint8Array
  /** What was done, in one sentence. */
  readonly said: string
}

/** Changes a picture as far as words are understood: light, colours, styles, weather, and figures that are laid over it. Where there is a
 *  mask, only under its transparent parts, and figures stand within them. It recognises nothing in the picture. */
export async function editPicture(
  sharp: Sharp,
  picture: Picture,
  mask: Picture | undefined,
  { prompt, negativePrompt, width, height, random }: EditPlan,
): Promise<Edited> {
  const described = sceneFrom(prompt, negativePrompt, random)
  // Snow cannot be laid on what is there, but it can fall.
  const snows = described.season === 'winter' && described.weather === 'clear'
  const scene: Scene = {
    ...described,
    ...(snows ? { weather: 'snow' } : {}),
    ignored: described.ignored.filter((word) => !isAdjustment(word)),
  }
  const figures = scene.things.filter(({ kind }) => cast[kind] !== undefined)
  const adjustment = adjustmentFrom(prompt, scene, timeIsSaid(prompt))
  const original = await sharp(picture.bytes)
    .resize(width, height, { fit: 'fill' })
    .removeAlpha()
    .toColourspace('srgb')
    .png()
    .toBuffer()
  const holes = mask === undefined ? undefined : await transparencyOf(sharp, mask, width, height)
  const region = holes === undefined ? { left: 0, top: 0, width, height } : regionOf(holes, width, height)

  const layers: OverlayOptions[] = []
  if (scene.weather !== 'clear') layers.push({ input: Buffer.from(drawAddedWeather(scene, width, height, random)) })
  if (figures.length > 0) {
    // A mask says where, and so how large.
    const larger = holes === undefined ? 1 : 2.2
    const svg = drawAddedFigures(
      { ...scene, things: figures.map((thing) => ({ ...thing, scale: thing.scale * larger })) },
      region,
      random,
    )
    layers.push({ input: Buffer.from(svg), left: region.left, top: region.top })
  }
  const adjusted = await adjust(sharp, original, adjustment, Math.min(width, height))
  const edited = await styled(sharp, sharp(adjusted).composite(layers), width, height, adjustment.style)
  const bytes = holes === undefined ? edited : await within(sharp, original, edited, holes, width, height)
  return { bytes, said: inWords(adjustment, figures, scene) }
}

export interface EditPlan {
  readonly prompt: string
  readonly negativePrompt: string
  readonly width: number
  readonly height: number
  readonly random: Random
}

async function adjust(sharp: Sharp, bytes: Uint8Array, how: Adjustment, unit: number): Promise<Uint8Array> {
  let image = sharp(bytes).modulate({ brightness: how.brightness, saturation: how.saturation })
  if (how.contrast !== 1) image = image.linear(how.contrast, 128 * (1 - how.contrast))
  if (how.blur > 0) image = image.blur(Math.max(0.5, unit * how.blur))
  if (how.sharpen) image = image.sharpen()
  if (how.invert) image = image.negate({ alpha: false })
  if (how.mirror) image = image.flop()
  if (how.tint !== undefined) {
    // Towards the colour by a part, each channel on a line: what is black takes the colour less than what is white.
    const { colour, part } = how.tint
    const channels = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    image = sharp(await image.png().toBuffer()).linear(
      channels.map((channel) => 1 - part + part * channel),
      channels.map((channel) => part * 40 * channel),
    )
  }
  return image.png().toBuffer()
}

/** One byte a pixel: 255 where the mask is transparent. */
async function transparencyOf(sharp: Sharp, mask: Picture, width: number, height: number): Promise<Buffer> {
  const { hasAlpha } = await sharp(mask.bytes).metadata()
  if (!hasAlpha) throw invalidField('mask', 'has no transparent parts: they are what is changed')
  return sharp(mask.bytes).resize(width, height, { fit: 'fill' }).extractChannel('alpha').negate().raw().toBuffer()
}

function regionOf(holes: Buffer, width: number, height: number): Region {
  let [left, top, right, bottom] = [width, height, -1, -1]
  for (let at = 0; at < holes.length; at += 1) {
    if ((holes[at] ?? 0) < 128) continue
    const [x, y] = [at % width, Math.floor(at / width)]
    if (x < left) left = x
    if (x > right) right = x
    if (y < top) top = y
    if (y > bottom) bottom = y
  }
  if (right < 0)
    throw new HoldfastError('INVALID_ARGUMENT', 'mask is transparent nowhere', {
      fields: [{ field: 'mask', description: 'is transparent nowhere' }],
    })
  return { left, top, width: right - left + 1, height: bottom - top + 1 }
}

async function within(
  sharp: Sharp,
  original: Uint8Array,
  edited: Uint8Array,
  holes: Buffer,
  width: number,
  height: number,
): Promise<Uint8Array> {
  const hole = { raw: { width, height, channels: 1 as const } }
  const piece = await sharp(edited).joinChannel(holes, hole).png().toBuffer()
  return png(sharp(original).composite([{ input: piece }]))
}

function inWords({ said }: Adjustment, figures: Scene['things'], { ignored }: Scene): string {
  const added = figures.map(({ kind, count }) => (count === 1 ? kind : `${count} × ${kind}`))
  const parts = [
    `a procedural edit: ${said.length === 0 ? 'light and colours as they were' : said.join(', ')}`,
    ...(added.length === 0 ? [] : [`with ${added.join(', ')} laid over it`]),
    ...(ignored.length === 0 ? [] : [`not understood: ${ignored.join(', ')}`]),
  ]
  return parts.join('; ')
}
