import { circle, ellipse, group, path, polygon, rect, type Point, line } from './canvas.js'
import { lighter, mix } from './colour.js'
import { noiseCurve } from './random.js'
import type { Stage } from './stage.js'

/** The sky with all that belongs to it; things of the prompt that fly come later. */
export function drawSky(stage: Stage): void {
  const { canvas, palette, width, height, scene } = stage
  const [top, middle, low] = palette.sky
  const fill = canvas.gradient([
    { colour: top, at: 0 },
    { colour: middle, at: 0.62 },
    { colour: low, at: 1 },
  ])
  canvas.add(rect(0, 0, width, Math.ceil(stage.horizon) + 1, { fill }))
  canvas.add(rect(0, Math.floor(stage.horizon), width, height - stage.horizon + 1, { fill: low }))
  const asked = new Set(scene.things.map((thing) => thing.kind))
  const covered = ['rain', 'storm', 'snow', 'fog', 'cloudy'].includes(scene.weather)
  if (!scene.absent.has('star') && (asked.has('star') || (scene.time === 'night' && !covered))) {
    drawStars(stage, asked.has('star') ? 420 : 220, stage.horizon)
  }
  if (asked.has('aurora')) drawAurora(stage)
  const hidden = stage.light.isMoon ? scene.absent.has('moon') : scene.absent.has('sun')
  if (!hidden && (!covered || asked.has('sun') || asked.has('moon'))) drawLight(stage)
  if (asked.has('rainbow')) drawRainbow(stage)
  if (!scene.absent.has('cloud')) drawClouds(stage, covered)
  if (asked.has('lightning') || (scene.weather === 'storm' && !scene.absent.has('lightning'))) drawLightning(stage)
}

export function drawStars({ canvas, random, width, unit }: Stage, count: number, until: number): void {
  const many = Math.round(count * Math.min(2.5, (width * until) / (unit * unit * 0.6)))
  for (let n = 0; n < many; n++) {
    const bright = random.next() ** 3
    const [x, y] = [random.next() * width, random.next() ** 1.25 * until]
    const fill = random.pick(['#ffffff', '#fff6dc', '#dce9ff'])
    const radius = unit * (0.0009 + 0.0021 * bright)
    canvas.add(circle(x, y, radius, { fill, opacity: 0.35 + 0.65 * bright }))
    if (bright > 0.8) {
      const ray = radius * 5
      const rays = `M${x - ray} ${y}L${x + ray} ${y}M${x} ${y - ray}L${x} ${y + ray}`
      canvas.add(path(rays, { stroke: fill, 'stroke-width': radius * 0.45, opacity: 0.7 }))
    }
  }
}

function drawLight({ canvas, light, palette, unit, scene }: Stage): void {
  const { x, y, radius, isMoon } = light
  const halo = canvas.glow([
    { colour: palette.light, opacity: isMoon ? 0.5 : 0.85 },
    { colour: palette.light, opacity: isMoon ? 0.12 : 0.28, at: 0.3 },
    { colour: palette.light, opacity: 0 },
  ])
  canvas.add(circle(x, y, unit * (isMoon ? 0.3 : 0.46), { fill: halo }))
  const asked = scene.things.find(({ kind }) => kind === (isMoon ? 'moon' : 'sun'))
  const size = radius * (asked?.scale ?? 1)
  const fill = asked?.colour ?? mix(palette.light, '#ffffff', isMoon ? 0.2 : 0.45)
  if (isMoon && asked?.word === 'crescent') {
    const inner = size * 0.82
    const crescent = `M${x} ${y - size}A${size} ${size} 0 1 1 ${x} ${y + size}A${inner * 1.25} ${inner * 1.25} 0 0 0 ${x} ${y - size}Z`
    canvas.add(path(crescent, { fill }))
    return
  }
  canvas.add(circle(x, y, size, { fill }))
  if (!isMoon) return
  for (const [dx, dy, r] of [
    [-0.3, -0.25, 0.22],
    [0.28, 0.1, 0.16],
    [-0.1, 0.42, 0.13],
    [0.35, -0.42, 0.1],
  ] as const) {
    canvas.add(circle(x + dx * size, y + dy * size, r * size, { fill: '#b9b69c', opacity: 0.4 }))
  }
}

function drawClouds(stage: Stage, covered: boolean): void {
  const { canvas, random, width, horizon, unit, palette, scene } = stage
  const asked = scene.things.find(({ kind }) => kind === 'cloud')
  const wide = width / unit
  const many = Math.round(
    (asked === undefined ? (covered ? 11 : scene.time === 'night' ? 2 : 4) : Math.max(2, asked.count) * 1.2) *
      Math.sqrt(wide),
  )
  const base = asked?.colour ?? palette.cloud
  const clouds = Array.from({ length: many }, () => {
    const depth = random.next()
    const y = horizon * (0.1 + 0.68 * depth)
    const size = unit * (covered ? 0.34 : 0.2) * (1.25 - 0.75 * depth) * (asked?.scale ?? 1)
    return cloudShape(stage, random.next() * width, y, size, mix(base, palette.sky[1], 0.35 * depth))
  })
  // One filter for all: each costs a pass over the whole picture.
  canvas.add(group({ filter: canvas.blur(unit * 0.004), opacity: 0.88 }, ...clouds))
}

/** Round tops on a flat base, lit from above. */
function cloudShape({ canvas, random, palette }: Stage, x: number, y: number, size: number, colour: string): string {
  const fill = canvas.gradient([
    { colour: lighter(colour, 0.35) },
    { colour },
    { colour: mix(colour, palette.sky[0], 0.28), opacity: 0.85 },
  ])
  const puffs: string[] = []
  const count = random.integer(5, 7)
  for (let n = 0; n < count; n++) {
    const part = (n + 0.5) / count - 0.5
    const radius = size * (0.12 + 0.16 * (1 - Math.abs(part) * 2)) * random.between(0.85, 1.15)
    puffs.push(`M${x + part * size - radius} ${y}a${radius} ${radius * 0.95} 0 0 1 ${radius * 2} 0z`)
  }
  const base = size * 0.56
  puffs.push(
    `M${x - base} ${y}h${base * 2}a${size * 0.05} ${size * 0.035} 0 0 1 0 ${size * 0.07}h${-base * 2}a${size * 0.05} ${size * 0.035} 0 0 1 0 ${-size * 0.07}z`,
  )
  return path(puffs.join(''), { fill, 'fill-rule': 'nonzero' })
}

function drawRainbow({ canvas, width, horizon, unit }: Stage): void {
  const colours = ['#e8443a', '#f2923c', '#f7d94c', '#58b368', '#3f87d9', '#4a4fb5', '#8b4fb0']
  const [x, y] = [width * 0.5, horizon + unit * 0.12]
  const thick = unit * 0.016
  const bands = colours.map((stroke, n) => {
    const radius = Math.min(width * 0.46, horizon * 0.95) - n * thick
    return path(`M${x - radius} ${y}A${radius} ${radius} 0 0 1 ${x + radius} ${y}`, {
      fill: 'none',
      stroke,
      'stroke-width': thick * 1.1,
    })
  })
  canvas.add(group({ opacity: 0.55, filter: canvas.blur(unit * 0.003) }, ...bands))
}

function drawAurora({ canvas, random, width, horizon, unit }: Stage): void {
  for (const [n, colour] of ['#4df0b0', '#58d8e8', '#a06bf0'].entries()) {
    const curve = noiseCurve(random, 3)
    const steps = 40
    const base = (part: number): number => horizon * (0.3 + 0.12 * n + 0.3 * curve(part * 2.2))
    const fill = canvas.gradient([
      { colour, opacity: 0 },
      { colour, opacity: 0.32, at: 0.55 },
      { colour, opacity: 0.62, at: 0.86 },
      { colour, opacity: 0 },
    ])
    // Curtains: strips that hang from the curve, so that the folds stay sharp below and fade above.
    const strips: string[] = []
    for (let step = 0; step < steps * 3; step++) {
      const part = step / (steps * 3)
      const tall = horizon * random.between(0.28, 0.5)
      const [left, right] = [part * width, (part + 1.2 / (steps * 3)) * width]
      const points: Point[] = [
        [left, base(part) - tall],
        [right, base(part) - tall],
        [right, base(part)],
        [left, base(part)],
      ]
      strips.push(polygon(points, { fill, opacity: random.between(0.5, 1) }))
    }
    canvas.add(group({ filter: canvas.blur(unit * 0.009) }, ...strips))
  }
}

function drawLightning({ canvas, random, width, horizon, unit }: Stage): void {
  const start = width * random.between(0.25, 0.75)
  const bolt: Point[] = [[start, horizon * 0.2]]
  for (let n = 1; n <= 9; n++)
    bolt.push([(bolt.at(-1)?.[0] ?? start) + unit * random.between(-0.045, 0.05), horizon * (0.2 + 0.085 * n)])
  const glow = canvas.blur(unit * 0.012)
  canvas.add(line(bolt, { stroke: '#cdd8ff', 'stroke-width': unit * 0.016, opacity: 0.7, filter: glow }))
  canvas.add(line(bolt, { stroke: '#fdfdff', 'stroke-width': unit * 0.005 }))
  const [x, y] = bolt[4] ?? [start, horizon / 2]
  const branch: Point[] = [
    [x, y],
    [x + unit * 0.05, y + unit * 0.05],
    [x + unit * 0.06, y + unit * 0.1],
    [x + unit * 0.1, y + unit * 0.14],
  ]
  canvas.add(line(branch, { stroke: '#eef1ff', 'stroke-width': unit * 0.003 }))
  canvas.add(
    ellipse(start, horizon * 0.15, unit * 0.5, unit * 0.2, {
      fill: '#dfe6ff',
      opacity: 0.16,
      filter: canvas.blur(unit * 0.06),
    }),
  )
}
