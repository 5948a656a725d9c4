import { ellipse, polygon, rect } from './canvas.js'
import { mix } from './colour.js'
import { noiseCurve } from './random.js'
import type { Stage } from './stage.js'
import { drawCity } from './city.js'
import { drawGrass, drawMountains, firShape, type Ground, ridge } from './terrain.js'
import { drawBeach, drawLake, drawSea } from './waters.js'

/** Draws the land and the water of the scene's place, and says where things can stand and where they can swim. */
export function drawLand(stage: Stage): { ground: Ground; water?: Ground } {
  switch (stage.scene.place) {
    case 'mountains':
      drawMountains(stage)
      return { ground: drawHills(stage, 3, 0.1) }
    case 'lake':
      return drawLake(stage)
    case 'sea':
      return drawSea(stage)
    case 'beach':
      return drawBeach(stage)
    case 'desert':
      return { ground: drawDunes(stage) }
    case 'forest':
      return { ground: drawForest(stage) }
    case 'city':
      return { ground: drawCity(stage) }
    default:
      drawMountains(stage, 0.45)
      return { ground: drawHills(stage, 4, 0.22) }
  }
}

/** Layers of hills, nearer ones darker and more of their own colour. */
export function drawHills(stage: Stage, layers: number, tall: number): Ground {
  const { canvas, random, palette, width, height, horizon, unit, scene } = stage
  let front: (part: number) => number = () => horizon
  for (let layer = 0; layer < layers; layer++) {
    const near = layer / (layers - 1)
    const curve = noiseCurve(random, 3, 0.35)
    const base = horizon + (height - horizon) * near * 0.5
    const swell = height * tall * (0.42 - 0.18 * near)
    const wave = (width / height) * (1.1 + 0.5 * (1 - near))
    const at = (part: number): number => base - swell * (curve(part * wave) - 0.35)
    const colour = mix(palette.haze, palette.grass, 0.42 + 0.58 * near)
    const top = mix(colour, palette.light, scene.time === 'night' ? 0.06 : 0.2)
    const fill = canvas.gradient([
      { colour: top },
      { colour, at: 0.22 },
      { colour: mix(colour, palette.shade, 0.3), at: 1 },
    ])
    canvas.add(polygon(ridge(stage, at), { fill }))
    if (layer > 0 && layer < layers - 1 && !scene.absent.has('tree')) drawCopses(stage, at, near)
    front = at
  }
  const ground: Ground = (x, depth) => front(x / width) + (height * 0.965 - front(x / width)) * (0.06 + 0.94 * depth)
  if (scene.season !== 'winter') drawGrass(stage, ground, palette.grass, Math.round((width / unit) * 260))
  return ground
}

/** Far groups of trees, small and round, that give a hill its size. */
export function drawCopses(
  { canvas, random, palette, width, unit, scene }: Stage,
  at: (part: number) => number,
  near: number,
): void {
  const colour = mix(mix(palette.haze, palette.grass, 0.42 + 0.58 * near), mix(palette.leaf, palette.shade, 0.4), 0.45)
  for (let n = 0; n < 2 + Math.round(width / unit); n++) {
    const start = random.next()
    for (let tree = 0; tree < random.integer(2, 6); tree++) {
      const part = start + tree * random.between(0.008, 0.016)
      const size = unit * random.between(0.008, 0.017) * (0.7 + 0.8 * near)
      const [x, y] = [part * width, at(Math.min(1, part))]
      const pointed = scene.season === 'winter' || random.chance(0.25)
      if (pointed)
        canvas.add(
          polygon(
            [
              [x - size * 0.7, y + 1],
              [x, y - size * 3],
              [x + size * 0.7, y + 1],
            ],
            { fill: colour },
          ),
        )
      else canvas.add(ellipse(x, y - size, size, size * 1.15, { fill: colour }))
    }
  }
}

export function drawDunes(stage: Stage): Ground {
  const { canvas, random, palette, width, height, horizon, light } = stage
  let front: (part: number) => number = () => horizon
  const layers = 4
  for (let layer = 0; layer < layers; layer++) {
    const near = layer / (layers - 1)
    const curve = noiseCurve(random, 2, 0.3)
    const base = horizon + (height - horizon) * (0.06 + 0.56 * near)
    const at = (part: number): number => base - height * (0.16 - 0.05 * near) * (curve(part * (2.6 - near)) - 0.4)
    const colour = mix(palette.haze, palette.sand, 0.5 + 0.5 * near)
    const bright = light.x < width / 2
    const ends = [mix(colour, palette.light, 0.35), colour, mix(colour, palette.shade, 0.4)]
    const fill = canvas.gradient(
      (bright ? ends : ends.toReversed()).map((one) => ({ colour: one })),
      true,
    )
    canvas.add(polygon(ridge(stage, at), { fill }))
    // The lee side of each crest lies in shadow.
    const shadow = ridge(
      stage,
      (part) =>
        at(part) +
        height * (0.012 + 0.1 * Math.max(0, curve(part * (2.6 - near)) - curve((part + 0.02) * (2.6 - near))) * 6),
    )
    canvas.add(polygon(shadow, { fill: mix(colour, palette.shade, 0.16), opacity: 0.5 }))
    front = at
  }
  return (x, depth) => front(x / width) + height * 0.02 + (height * 0.96 - front(x / width) - height * 0.02) * depth
}

export function drawForest(stage: Stage): Ground {
  const { canvas, random, palette, width, height, horizon, unit, scene } = stage
  const snowy = scene.season === 'winter'
  const layers = 4
  for (let layer = 0; layer < layers; layer++) {
    const near = layer / (layers - 1)
    const base = horizon + (height - horizon) * (0.02 + 0.4 * near)
    const green = mix(scene.season === 'winter' ? stage.lit('#4f6f66') : palette.leaf, palette.shade, 0.4)
    const colour = mix(palette.haze, green, 0.22 + 0.6 * near)
    const tall = height * (0.17 + 0.2 * near)
    const step = unit * (0.035 + 0.035 * near)
    for (let x = -step; x < width + step; x += step * random.between(0.7, 1.2)) {
      const leaf =
        scene.season === 'autumn'
          ? mix(colour, stage.lit(random.pick(['#d9752f', '#c9502c', '#e0a63a', '#6f8f4a'])), 0.2 + 0.4 * near)
          : colour
      canvas.add(
        firShape(
          x,
          base + unit * 0.02,
          tall * random.between(0.65, 1.1),
          leaf,
          snowy ? mix(colour, '#ffffff', 0.6) : undefined,
        ),
      )
    }
    canvas.add(rect(0, base, width, height - base, { fill: mix(colour, palette.grass, 0.2 + 0.3 * near) }))
    const mist = canvas.gradient([
      { colour: palette.haze, opacity: 0 },
      { colour: palette.haze, opacity: 0.34 * (1 - near * 0.7) },
    ])
    canvas.add(rect(0, base - height * 0.14, width, height * 0.15, { fill: mist }))
  }
  const curve = noiseCurve(random, 2)
  const front = (part: number): number => height * (0.79 - 0.05 * curve(part * 2.5))
  const fill = canvas.gradient([
    { colour: mix(palette.grass, palette.light, 0.1) },
    { colour: mix(palette.grass, palette.shade, 0.5) },
  ])
  canvas.add(polygon(ridge(stage, front), { fill }))
  const ground: Ground = (x, depth) => front(x / width) + (height * 0.97 - front(x / width)) * (0.08 + 0.92 * depth)
  if (!snowy) drawGrass(stage, ground, palette.grass, Math.round((width / unit) * 200))
  return ground
}
