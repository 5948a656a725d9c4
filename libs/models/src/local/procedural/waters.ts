import { ellipse, group, path, polygon, rect, type Point, circle } from './canvas.js'
import { darker, lighter, mix } from './colour.js'
import { noiseCurve } from './random.js'
import type { Stage } from './stage.js'
import { drawGrass, drawMountains, type Ground, ridge } from './terrain.js'

export function drawLake(stage: Stage): { ground: Ground; water: Ground } {
  const { canvas, palette, random, width, height, horizon } = stage
  drawMountains(stage)
  const shore = horizon + height * 0.02
  drawWater(stage, shore, height)
  // The mountains in the water, as far as water shows them.
  const mirror = canvas.gradient([
    { colour: palette.rock, opacity: 0.42 },
    { colour: palette.rock, opacity: 0 },
  ])
  const curve = noiseCurve(random, 3)
  const points: Point[] = Array.from({ length: 41 }, (_, n) => [
    (n / 40) * width,
    shore + (height - shore) * (0.16 + 0.34 * curve((n / 40) * 4)),
  ])
  canvas.add(polygon([[0, shore], ...points, [width, shore]], { fill: mirror, opacity: 0.7 }))
  drawGlints(stage, shore, height)
  const trees = noiseCurve(random, 5, 0.7)
  const far = mix(palette.haze, mix(palette.leaf, palette.shade, 0.45), 0.75)
  const line: Point[] = Array.from({ length: 181 }, (_, n) => {
    const tooth = n % 2 === 0 ? 0.006 : 0.022
    return [(n / 180) * width, shore - height * (tooth + 0.02 * trees((n / 180) * 8))]
  })
  canvas.add(polygon([[0, shore + 2], ...line, [width, shore + 2]], { fill: far }))
  const bank = noiseCurve(random, 3, 0.4)
  const front = (part: number): number => height * (0.9 - 0.05 * bank(part * 2) - 0.07 * Math.abs(part - 0.5) * 2)
  const fill = canvas.gradient([
    { colour: mix(palette.grass, palette.light, 0.15) },
    { colour: mix(palette.grass, palette.shade, 0.35) },
  ])
  canvas.add(polygon(ridge(stage, front), { fill }))
  const ground: Ground = (x, depth) => front(x / width) + (height * 0.98 - front(x / width)) * (0.1 + 0.9 * depth)
  drawGrass(stage, ground, palette.grass, Math.round((width / stage.unit) * 160))
  return { ground, water: (_, depth) => shore + (height * 0.82 - shore) * (0.08 + 0.86 * depth) }
}

export function drawSea(stage: Stage): { ground: Ground; water: Ground } {
  const { height, horizon } = stage
  drawWater(stage, horizon, height)
  drawGlints(stage, horizon, height)
  drawWaves(stage, horizon, height)
  const water: Ground = (_, depth) => horizon + (height * 0.94 - horizon) * (0.05 + 0.9 * depth)
  return { ground: water, water }
}

export function drawBeach(stage: Stage): { ground: Ground; water: Ground } {
  const { canvas, palette, random, width, height, horizon, unit } = stage
  const edge = height * 0.74
  drawWater(stage, horizon, height)
  drawGlints(stage, horizon, edge)
  drawWaves(stage, horizon, edge)
  const curve = noiseCurve(random, 2, 0.3)
  const shore = (part: number): number => edge + height * (0.09 * curve(part * 2.2) - 0.06 * part)
  for (const [offset, opacity] of [
    [-0.012, 0.55],
    [-0.004, 0.85],
  ] as const) {
    const foam = ridge(stage, (part) => shore(part) + height * offset)
    canvas.add(polygon(foam, { fill: mix('#ffffff', palette.water, 0.12), opacity }))
  }
  const wet = mix(palette.sand, palette.water, 0.3)
  const fill = canvas.gradient([
    { colour: wet },
    { colour: palette.sand, at: 0.2 },
    { colour: mix(palette.sand, palette.shade, 0.22) },
  ])
  canvas.add(polygon(ridge(stage, shore), { fill }))
  const ground: Ground = (x, depth) =>
    shore(x / width) + height * 0.035 + (height * 0.97 - shore(x / width) - height * 0.035) * depth
  for (let n = 0; n < (width / unit) * 70; n++) {
    const x = random.next() * width
    canvas.add(
      circle(x, ground(x, random.next()), unit * random.between(0.0008, 0.0025), {
        fill: random.pick([darker(palette.sand), lighter(palette.sand)]),
        opacity: 0.5,
      }),
    )
  }
  return { ground, water: (_, depth) => horizon + (edge - horizon) * (0.08 + 0.72 * depth) }
}

export function drawWater({ canvas, palette, width }: Stage, top: number, bottom: number): void {
  const fill = canvas.gradient([
    { colour: mix(palette.haze, palette.water, 0.35) },
    { colour: palette.water, at: 0.35 },
    { colour: mix(palette.water, palette.shade, 0.5), at: 1 },
  ])
  canvas.add(rect(0, top, width, bottom - top + 1, { fill }))
}

/** The light on the water: a column under the sun or the moon, and glints elsewhere. */
export function drawGlints(
  { canvas, random, palette, width, unit, light, scene }: Stage,
  top: number,
  bottom: number,
): void {
  const shines = !['rain', 'storm', 'fog', 'snow', 'cloudy'].includes(scene.weather)
  const column: string[] = []
  const scattered: string[] = []
  for (let n = 0; n < 190; n++) {
    const depth = random.next() ** 1.3
    const y = top + 2 + (bottom - top) * depth
    const spread = light.radius * (0.7 + 2.6 * depth)
    const long = unit * (0.008 + 0.035 * depth) * random.between(0.5, 1.5)
    if (shines && n < 110)
      column.push(
        ellipse(
          light.x + spread * random.between(-1, 1) * random.next(),
          y,
          long,
          unit * (0.0008 + 0.0026 * depth),
          {},
        ),
      )
    else scattered.push(ellipse(random.next() * width, y, long, unit * (0.0006 + 0.0018 * depth), {}))
  }
  canvas.add(group({ fill: palette.light, opacity: 0.7 }, ...column))
  canvas.add(group({ fill: lighter(palette.water, 0.5), opacity: 0.4 }, ...scattered))
}

export function drawWaves({ canvas, random, palette, width, unit }: Stage, top: number, bottom: number): void {
  for (let row = 0; row < 9; row++) {
    const depth = ((row + 1) / 9) ** 1.6
    const y = top + (bottom - top) * depth
    const length = unit * (0.06 + 0.16 * depth)
    let data = ''
    for (let x = -length * random.next(); x < width; x += length * random.between(1.2, 2.6)) {
      data += `M${x} ${y + unit * random.between(-0.01, 0.01)}q${length * 0.25} ${-length * 0.09} ${length * 0.5} 0t${length * 0.5} 0`
    }
    const stroke = mix(palette.water, row % 2 === 0 ? '#ffffff' : palette.shade, 0.35)
    canvas.add(
      path(data, {
        fill: 'none',
        stroke,
        'stroke-width': unit * (0.001 + 0.003 * depth),
        'stroke-linecap': 'round',
        opacity: 0.5,
      }),
    )
  }
}
