import { ellipse, path, polygon, rect, type Point, line } from './canvas.js'
import { darker, lighter, mix } from './colour.js'
import type { Ground } from './terrain.js'
import type { Stage } from './stage.js'
import type { Thing } from './scene.js'

// What lies in the land and moves over the picture: ways, rivers, falls, and the weather.

/** Winds from far to near, wider as it comes. */
export function drawWay(stage: Stage, ground: Ground, { kind, colour }: Thing): void {
  const { canvas, random, palette, width, unit, lit } = stage
  const isRiver = kind === 'river'
  const fill = colour === undefined ? (isRiver ? palette.water : lit('#c9a87c')) : lit(colour)
  const bend = random.between(0.6, 1.1) * (random.chance(0.5) ? 1 : -1)
  const centre = width * random.between(0.42, 0.58)
  const sides: [Point[], Point[]] = [[], []]
  for (let step = 0; step <= 40; step++) {
    const depth = (step / 40) * 1.08
    const x = centre + Math.sin(depth * 5.2 * Math.sign(bend)) * unit * 0.2 * Math.abs(bend) * (0.25 + depth)
    const half = unit * (isRiver ? 0.014 + 0.13 * depth ** 1.5 : 0.008 + 0.09 * depth ** 1.5)
    const y = ground(x, depth * 0.98)
    sides[0].push([x - half, y])
    sides[1].push([x + half, y])
  }
  const shape = [...sides[0], ...sides[1].toReversed()]
  const edge = isRiver ? mix(palette.grass, palette.shade, 0.35) : darker(fill, 0.25)
  canvas.add(
    polygon(shape, {
      fill: canvas.gradient([{ colour: lighter(fill, 0.25) }, { colour: fill }]),
      stroke: edge,
      'stroke-width': unit * 0.004,
      'stroke-linejoin': 'round',
    }),
  )
  if (!isRiver) return
  for (let n = 0; n < 26; n++) {
    const at = random.integer(3, 40)
    const [left, right] = [sides[0][at], sides[1][at]]
    if (left === undefined || right === undefined) continue
    const part = random.between(0.15, 0.75)
    canvas.add(
      rect(left[0] + (right[0] - left[0]) * part, left[1], (right[0] - left[0]) * 0.18, unit * 0.002, {
        fill: '#ffffff',
        opacity: 0.5,
      }),
    )
  }
}

/** From a rock, into a pool. */
export function drawWaterfall(stage: Stage, ground: Ground): void {
  const { canvas, random, palette, width, height, unit, horizon } = stage
  const x = width * random.between(0.36, 0.64)
  const top = horizon - height * 0.2
  const foot = ground(x, 0.35)
  const half = unit * 0.065
  const rock = mix(palette.rock, palette.shade, 0.25)
  const cliff: Point[] = [
    [x - half * 5, foot],
    [x - half * 3.8, top + height * 0.07],
    [x - half * 2, top - height * 0.012],
    [x - half, top + 2],
    [x + half, top + 2],
    [x + half * 2.2, top - height * 0.02],
    [x + half * 3.6, top + height * 0.05],
    [x + half * 5, foot],
  ]
  canvas.add(
    polygon(cliff, { fill: canvas.gradient([{ colour: lighter(rock, 0.12) }, { colour: darker(rock, 0.3) }]) }),
  )
  for (const [dx, dy] of [
    [-3, 0.1],
    [-2, 0.2],
    [2.3, 0.12],
    [3.2, 0.24],
    [-2.6, 0.3],
    [2.8, 0.33],
  ] as const) {
    canvas.add(
      polygon(
        [
          [x + dx * half, top + height * dy],
          [x + (dx + 0.7) * half, top + height * (dy - 0.03)],
          [x + (dx + 0.5) * half, top + height * (dy + 0.06)],
        ],
        { fill: darker(rock, 0.2), opacity: 0.5 },
      ),
    )
  }
  const water = mix('#ffffff', palette.water, 0.25)
  canvas.add(
    rect(x - half, top, half * 2, foot - top, {
      fill: canvas.gradient([{ colour: mix(water, palette.water, 0.4) }, { colour: water }]),
    }),
  )
  for (let n = 0; n < 26; n++) {
    const from = top + (foot - top) * random.next() * 0.6
    const along = x + half * random.between(-0.95, 0.95)
    canvas.add(
      line(
        [
          [along, from],
          [along, from + (foot - top) * random.between(0.15, 0.4)],
        ],
        { stroke: random.chance(0.6) ? '#ffffff' : palette.water, 'stroke-width': unit * 0.003, opacity: 0.6 },
      ),
    )
  }
  canvas.add(ellipse(x, foot + unit * 0.012, half * 3.6, unit * 0.05, { fill: palette.water }))
  canvas.add(
    ellipse(x, foot, half * 1.7, unit * 0.028, { fill: '#ffffff', opacity: 0.75, filter: canvas.blur(unit * 0.012) }),
  )
}

export function drawIsland(stage: Stage, x: number, y: number, wide: number): void {
  const { canvas, palette, lit } = stage
  const rock = lit('#7a7068')
  canvas.add(ellipse(x, y + wide * 0.03, wide * 0.62, wide * 0.05, { fill: '#ffffff', opacity: 0.4 }))
  canvas.add(
    path(
      `M${x - wide * 0.58} ${y + wide * 0.03}q${wide * 0.1} ${-wide * 0.16} ${wide * 0.34} ${-wide * 0.17}q${wide * 0.24} ${-wide * 0.05} ${wide * 0.46} ${wide * 0.02}q${wide * 0.24} ${wide * 0.01} ${wide * 0.36} ${wide * 0.15}z`,
      { fill: rock },
    ),
  )
  canvas.add(
    path(
      `M${x - wide * 0.44} ${y - wide * 0.06}q${wide * 0.12} ${-wide * 0.09} ${wide * 0.24} ${-wide * 0.09}q${wide * 0.22} ${-wide * 0.04} ${wide * 0.42} ${wide * 0.02}q${wide * 0.12} ${wide * 0.02} ${wide * 0.2} ${wide * 0.08}q${-wide * 0.4} ${-wide * 0.05} ${-wide * 0.86} ${-wide * 0.01}z`,
      { fill: palette.grass },
    ),
  )
}

/** Rain, snow, fog, falling leaves. */
export function drawWeather(stage: Stage): void {
  const { canvas, random, palette, width, height, unit, horizon, scene } = stage
  const many = (width * height) / (unit * unit)
  if (scene.weather === 'rain' || scene.weather === 'storm') {
    const slant = scene.weather === 'storm' ? 0.42 : 0.18
    for (const [count, stroke, opacity, long] of [
      [240, 0.0014, 0.35, 0.035],
      [90, 0.0024, 0.5, 0.06],
    ] as const) {
      let drops = ''
      for (let n = 0; n < count * many; n++) {
        const tall = unit * long * random.between(0.7, 1.4)
        drops += `M${random.between(-0.1, 1) * width} ${random.next() * height}l${-tall * slant} ${tall}`
      }
      canvas.add(
        path(drops, {
          fill: 'none',
          stroke: '#dbe7f3',
          'stroke-width': unit * stroke,
          'stroke-linecap': 'round',
          opacity,
        }),
      )
    }
  }
  if (scene.weather === 'snow') {
    for (let n = 0; n < 260 * many; n++) {
      const near = random.next() ** 3
      canvas.add(
        ellipse(
          random.next() * width,
          random.next() * height,
          unit * (0.0018 + 0.008 * near),
          unit * (0.0018 + 0.008 * near),
          { fill: '#ffffff', opacity: 0.9 - 0.35 * near },
        ),
      )
    }
  }
  if (scene.weather === 'fog') {
    for (let n = 0; n < 5; n++) {
      const y = horizon + (height - horizon) * (n * 0.16 - 0.2)
      const fill = canvas.gradient([
        { colour: palette.haze, opacity: 0 },
        { colour: palette.haze, opacity: 0.55 },
        { colour: palette.haze, opacity: 0 },
      ])
      canvas.add(rect(0, y - unit * 0.08, width, unit * 0.26, { fill }))
    }
  }
  if (
    scene.season === 'autumn' &&
    ['hills', 'forest', 'lake', 'mountains'].includes(scene.place) &&
    !scene.absent.has('leaf')
  ) {
    for (let n = 0; n < 26 * many; n++) {
      const [x, y, size] = [random.next() * width, random.next() * height, unit * random.between(0.006, 0.013)]
      const fill = random.pick(['#d9752f', '#c9502c', '#e0a63a', '#a8502f'])
      canvas.add(
        path(`M${x - size} ${y}q${size} ${-size} ${size * 2} 0q${-size} ${size} ${-size * 2} 0z`, {
          fill,
          opacity: 0.85,
          transform: `rotate(${random.integer(0, 180)} ${x.toFixed(2)} ${y.toFixed(2)})`,
        }),
      )
    }
  }
}

/** The corners a little darker, which holds the eye. */
export function drawVignette({ canvas, width, height }: Stage): void {
  const fill = canvas.glow([
    { colour: '#05070f', opacity: 0, at: 0.55 },
    { colour: '#05070f', opacity: 0.3 },
  ])
  const [rx, ry] = [width * 0.78, height * 0.78]
  canvas.add(rect(width / 2 - rx, height / 2 - ry, rx * 2, ry * 2, { fill }))
}
