import { path, polygon, rect, type Point } from './canvas.js'
import { type Colour, darker, lighter, mix } from './colour.js'
import type { Stage } from './stage.js'

/** Where things stand: `depth` 0 is far, 1 is near. */
export type Ground = (x: number, depth: number) => number

export function ridge({ width, height }: Stage, at: (part: number) => number): Point[] {
  const steps = 96
  const points: Point[] = Array.from({ length: steps + 1 }, (_, n) => [(n / steps) * width, at(n / steps)])
  return [...points, [width, height], [0, height]]
}

/** Two ranges, sharp, with light and shade on their sides, and snow above. `part`: how high, of the usual. */
export function drawMountains(stage: Stage, part = 1): void {
  const { canvas, random, palette, width, horizon, height, light, scene } = stage
  const ranges = part < 0.5 ? 1 : 2
  for (let range = 0; range < ranges; range++) {
    const near = range / Math.max(1, ranges - 1 || 1)
    const colour = mix(palette.haze, palette.rock, part < 0.5 ? 0.45 : 0.5 + 0.42 * near)
    const tall = horizon * (part < 0.5 ? 0.3 : 0.56 - 0.16 * near)
    const base = horizon + height * 0.06
    const count = Math.max(2, Math.round((width / height) * (3 + range)))
    const fog = canvas.gradient([
      { colour, at: 0.2 },
      { colour: mix(colour, palette.haze, 0.6), at: 1 },
    ])
    for (let n = 0; n <= count; n++) {
      const x = ((n + random.between(-0.3, 0.3)) / count) * width
      const up = tall * random.between(0.5, 1)
      const half = up * random.between(0.95, 1.35)
      const peak: Point = [x, base - up]
      const outline = (side: -1 | 1): Point[] =>
        [0.3, 0.55, 0.8].map((down) => [
          x + side * half * down * random.between(0.86, 1.1),
          base - up * (1 - down) + up * random.between(-0.03, 0.03),
        ])
      const left = outline(-1)
      const right = outline(1)
      const shape: Point[] = [[x - half, base], ...left.toReversed(), peak, ...right, [x + half, base]]
      canvas.add(polygon(shape, { fill: fog }))
      // The side that the light does not reach, its edge broken.
      const lightFromLeft = light.x < x
      const side = lightFromLeft ? right : left
      const zigzag: Point[] = [0.25, 0.5, 0.75].map((down, at) => [
        x + (lightFromLeft ? 1 : -1) * half * (at % 2 === 0 ? -0.07 : 0.12) * (1 + down),
        base - up * (1 - down),
      ])
      const end: Point = [x + (lightFromLeft ? half : -half), base]
      const foot: Point = [x + (lightFromLeft ? 1 : -1) * half * 0.16, base]
      const shaded = canvas.gradient([
        { colour: palette.shade, opacity: 0.36 },
        { colour: palette.shade, opacity: 0.05 },
      ])
      canvas.add(polygon([peak, ...side, end, foot, ...zigzag.toReversed()], { fill: shaded }))
      if (part >= 0.5 && !scene.absent.has('snow') && (up > tall * 0.6 || scene.season === 'winter')) {
        canvas.add(snowCap(stage, peak, left, right, up, lightFromLeft))
      }
    }
  }
  const mist = canvas.gradient([
    { colour: palette.haze, opacity: 0 },
    { colour: palette.haze, opacity: 0.75 },
  ])
  canvas.add(rect(0, horizon - height * 0.16, width, height * 0.2, { fill: mist }))
}

export function snowCap(
  stage: Stage,
  peak: Point,
  left: readonly Point[],
  right: readonly Point[],
  up: number,
  lightFromLeft: boolean,
): string {
  const { random, lit, palette } = stage
  const deep = stage.scene.season === 'winter' ? 0.92 : 0.72
  const toward = (point: Point | undefined): Point =>
    point === undefined ? peak : [peak[0] + (point[0] - peak[0]) * deep, peak[1] + (point[1] - peak[1]) * deep]
  const from = toward(left[0])
  const to = toward(right[0])
  const teeth: Point[] = []
  const count = 6
  for (let n = 1; n < count; n++) {
    const part = n / count
    const drop = up * (n % 2 === 0 ? random.between(-0.07, -0.02) : random.between(0.03, 0.1))
    teeth.push([from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part + drop])
  }
  const white = lit(mix('#ffffff', palette.light, 0.2))
  const middle = Math.floor(teeth.length / 2)
  const dark = lightFromLeft
    ? [peak, to, ...teeth.slice(middle).toReversed()]
    : [peak, from, ...teeth.slice(0, middle + 1)]
  return (
    polygon([from, peak, to, ...teeth.toReversed()], { fill: white }) +
    polygon(dark, { fill: palette.shade, opacity: 0.24 })
  )
}

export function drawGrass(
  { canvas, random, palette, width, height, unit }: Stage,
  ground: Ground,
  colour: Colour,
  count: number,
): void {
  const tufts: Record<string, string[]> = { light: [], dark: [] }
  for (let n = 0; n < count; n++) {
    const x = random.next() * width
    const depth = random.next() ** 0.8
    const y = Math.min(height, ground(x, depth))
    const tall = unit * (0.006 + 0.022 * depth) * random.between(0.6, 1.3)
    const lean = tall * random.between(-0.4, 0.4)
    const blade = `M${x} ${y}q${lean * 0.2} ${-tall * 0.6} ${lean} ${-tall}`
    tufts[random.chance(0.5) ? 'light' : 'dark']?.push(blade)
  }
  const style = { fill: 'none', 'stroke-width': unit * 0.0022, 'stroke-linecap': 'round' }
  canvas.add(
    path(tufts['light']?.join('') ?? '', {
      ...style,
      stroke: mix(lighter(colour, 0.18), palette.light, 0.15),
      opacity: 0.7,
    }),
  )
  canvas.add(path(tufts['dark']?.join('') ?? '', { ...style, stroke: darker(colour, 0.25), opacity: 0.55 }))
}

/** A fir in three tiers, its foot at x, y. */
export function firShape(x: number, y: number, tall: number, colour: Colour, snow?: Colour): string {
  const half = tall * 0.2
  const tiers = [0, 0.26, 0.5].map((up, n) => {
    const spread = half * (1 - n * 0.24)
    const foot = y - tall * (0.08 + up)
    const top = y - tall * (n === 2 ? 1 : 0.62 + up * 0.62)
    return { spread, foot, top }
  })
  const green = tiers.map(
    ({ spread, foot, top }) =>
      `M${x - spread} ${foot}Q${x - spread * 0.3} ${foot - tall * 0.1} ${x} ${top}Q${x + spread * 0.3} ${foot - tall * 0.1} ${x + spread} ${foot}Q${x} ${foot + tall * 0.045} ${x - spread} ${foot}Z`,
  )
  const trunk = rect(x - tall * 0.016, y - tall * 0.1, tall * 0.032, tall * 0.11, { fill: darker(colour, 0.4) })
  const caps = tiers.map(
    ({ spread, foot, top }) =>
      `M${x - spread * 0.62} ${foot - tall * 0.055}Q${x - spread * 0.2} ${foot - tall * 0.12} ${x} ${top}Q${x + spread * 0.16} ${foot - tall * 0.16} ${x + spread * 0.3} ${foot - tall * 0.1}Q${x} ${foot - tall * 0.13} ${x - spread * 0.62} ${foot - tall * 0.055}Z`,
  )
  return (
    trunk + path(green.join(''), { fill: colour }) + (snow === undefined ? '' : path(caps.join(''), { fill: snow }))
  )
}
