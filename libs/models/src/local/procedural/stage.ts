import { Canvas } from './canvas.js'
import { type Colour, mix } from './colour.js'
import { type Palette, paletteOf } from './palette.js'
import type { Random } from './random.js'
import type { Scene } from './scene.js'

/** What all who draw a scene share. */
export interface Stage {
  readonly scene: Scene
  readonly palette: Palette
  readonly canvas: Canvas
  readonly random: Random
  readonly width: number
  readonly height: number
  /** The shorter side: what sizes are parts of. */
  readonly unit: number
  /** Where the sky ends. */
  readonly horizon: number
  /** Where the sun or the moon stands. */
  readonly light: { readonly x: number; readonly y: number; readonly radius: number; readonly isMoon: boolean }
  /** A colour as it looks in this light. */
  readonly lit: (colour: Colour) => Colour
}

export function stageFor(scene: Scene, width: number, height: number, random: Random): Stage {
  const palette = paletteOf(scene)
  const unit = Math.min(width, height)
  const high = {
    hills: 0.56,
    mountains: 0.62,
    sea: 0.55,
    beach: 0.5,
    lake: 0.52,
    desert: 0.56,
    forest: 0.6,
    city: 0.68,
  } as const
  const horizon = height * ((high as Readonly<Record<string, number>>)[scene.place] ?? 0.6)
  const low = scene.time === 'sunset' || scene.time === 'dawn'
  const isMoon =
    scene.time === 'night' ||
    (scene.things.some(({ kind }) => kind === 'moon') && !scene.things.some(({ kind }) => kind === 'sun'))
  const light = {
    x: width * (random.chance(0.5) ? random.between(0.2, 0.38) : random.between(0.62, 0.8)),
    y: low ? horizon - unit * random.between(0.05, 0.13) : horizon * random.between(0.22, 0.4),
    radius: unit * (isMoon ? 0.05 : low ? 0.062 : 0.05),
    isMoon,
  }
  const lit = (colour: Colour): Colour =>
    mix(mix(colour, palette.sky[1], 0.06), palette.shade, 0.5 * (1 - palette.daylight))
  return { scene, palette, canvas: new Canvas(width, height, random), random, width, height, unit, horizon, light, lit }
}
