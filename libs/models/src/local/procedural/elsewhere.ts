import { circle, ellipse, group, path, polygon, rect, type Point, line } from './canvas.js'
import { type Colour, darker, lighter, mix, namedColours } from './colour.js'
import type { Ground } from './terrain.js'
import { noiseCurve } from './random.js'
import { drawStars } from './sky.js'
import type { Stage } from './stage.js'

// Scenes that have no horizon under a sky.

/** Stars and clouds of gas. Everything floats. */
export function drawSpace(stage: Stage): { ground: Ground } {
  const { canvas, random, width, height, unit, scene } = stage
  canvas.add(
    rect(0, 0, width, height, {
      fill: canvas.gradient([{ colour: '#05060f' }, { colour: '#0d1030', at: 0.6 }, { colour: '#1a1038' }]),
    }),
  )
  const gas =
    scene.tint === undefined
      ? ['#7a3fd0', '#d04f9a', '#2f7fd8', '#35bfa8']
      : [scene.tint, mix(scene.tint, '#7a3fd0', 0.5), lighter(scene.tint, 0.3)]
  const soft = canvas.blur(unit * 0.075)
  const start = random.between(0.2, 0.8)
  const clouds = Array.from({ length: 16 }, (_, n) => {
    const along = n / 15
    const [x, y] = [
      width * (along * 1.1 - 0.05),
      height * (start + (0.9 - 2 * start + 0.1) * along + random.between(-0.16, 0.16)),
    ]
    return ellipse(x, y, unit * random.between(0.1, 0.26), unit * random.between(0.05, 0.13), {
      fill: gas[n % gas.length],
      opacity: random.between(0.28, 0.6),
      transform: `rotate(${Math.round(random.between(-40, 20))} ${x.toFixed(2)} ${y.toFixed(2)})`,
    })
  })
  canvas.add(group({ filter: soft }, ...clouds))
  drawStars(stage, 520, height)
  return { ground: (_, depth) => height * (0.42 + 0.5 * depth) }
}

/** Rays from above, a bed of sand, weeds, corals and bubbles. */
export function drawUnderwater(stage: Stage): { ground: Ground; water: Ground } {
  const { canvas, random, palette, width, height, unit, lit, scene } = stage
  const deep = mix(scene.colours.water ?? '#0f6f9a', palette.shade, 0.35 + 0.3 * (1 - palette.daylight))
  const shallow = lighter(mix(deep, '#3fd0d8', 0.55), 0.2)
  canvas.add(
    rect(0, 0, width, height, {
      fill: canvas.gradient([
        { colour: shallow },
        { colour: mix(shallow, deep, 0.6), at: 0.45 },
        { colour: darker(deep, 0.35) },
      ]),
    }),
  )
  const beam = canvas.gradient([
    { colour: '#ffffff', opacity: 0.34 },
    { colour: '#ffffff', opacity: 0 },
  ])
  const rays = Array.from({ length: 7 }, () => {
    const [x, wide, lean] = [
      random.next() * width,
      unit * random.between(0.03, 0.11),
      unit * random.between(-0.25, 0.1),
    ]
    return polygon(
      [
        [x, 0],
        [x + wide, 0],
        [x + wide * 2.4 + lean, height * 0.85],
        [x + lean, height * 0.85],
      ],
      { fill: beam },
    )
  })
  canvas.add(group({ filter: canvas.blur(unit * 0.008) }, ...rays))
  const layers = [0.72, 0.8, 0.87]
  let front: (part: number) => number = () => height * 0.87
  for (const [n, level] of layers.entries()) {
    const curve = noiseCurve(random, 3, 0.4)
    const at = (part: number): number => height * (level + 0.05 * curve(part * 3) - 0.02)
    const sand = mix(deep, lit('#e3c58f'), 0.22 + 0.26 * n)
    const points: Point[] = Array.from({ length: 61 }, (_, step) => [(step / 60) * width, at(step / 60)])
    canvas.add(
      polygon([...points, [width, height], [0, height]], {
        fill: canvas.gradient([{ colour: lighter(sand, 0.12) }, { colour: darker(sand, 0.25) }]),
      }),
    )
    for (let weed = 0; weed < 6; weed++) drawWeed(stage, random.next(), at, n, deep)
    if (n > 0) for (let coral = 0; coral < 4; coral++) drawCoral(stage, random.next(), at, n, deep)
    front = at
  }
  for (let n = 0; n < 46; n++) {
    const radius = unit * random.between(0.002, 0.011)
    const [x, y] = [random.next() * width, random.next() * height * 0.85]
    canvas.add(
      circle(x, y, radius, { fill: '#ffffff', opacity: 0.18 }),
      circle(x - radius * 0.3, y - radius * 0.3, radius * 0.3, { fill: '#ffffff', opacity: 0.6 }),
    )
  }
  return {
    ground: (x, depth) => front(x / width) + (height * 0.98 - front(x / width)) * depth,
    water: (_, depth) => height * (0.12 + 0.68 * depth),
  }
}

function drawWeed(
  { canvas, random, height, width, unit, lit }: Stage,
  part: number,
  at: (part: number) => number,
  layer: number,
  deep: Colour,
): void {
  const colour = mix(deep, lit(random.pick(['#3f9b5a', '#6fae4a', '#2f8f7a'])), 0.4 + 0.25 * layer)
  for (let blade = 0; blade < 5; blade++) {
    const x = part * width + unit * random.between(-0.03, 0.03)
    const y = at(Math.min(1, part)) + height * 0.01
    const tall = unit * random.between(0.08, 0.24)
    const sway = unit * random.between(-0.03, 0.03)
    canvas.add(
      path(`M${x} ${y}q${sway} ${-tall * 0.3} 0 ${-tall * 0.5}t${sway * 0.5} ${-tall * 0.5}`, {
        fill: 'none',
        stroke: colour,
        'stroke-width': unit * 0.007,
        'stroke-linecap': 'round',
      }),
    )
  }
}

function drawCoral(
  { canvas, random, width, unit, lit }: Stage,
  part: number,
  at: (part: number) => number,
  layer: number,
  deep: Colour,
): void {
  const colour = mix(deep, lit(random.pick(['#e8607a', '#f0954a', '#b06fd0', '#f2c25a'])), 0.55 + 0.2 * layer)
  const [x, y] = [part * width, at(Math.min(1, part)) + unit * 0.01]
  const branch = (fromX: number, fromY: number, angle: number, long: number, left: number): void => {
    const [toX, toY] = [fromX + Math.cos(angle) * long, fromY + Math.sin(angle) * long]
    canvas.add(
      line(
        [
          [fromX, fromY],
          [toX, toY],
        ],
        { stroke: colour, 'stroke-width': unit * (0.004 + 0.003 * left) },
      ),
    )
    if (left === 0) return
    for (const turn of [-0.5, 0.05, 0.55])
      branch(toX, toY, angle + turn + random.between(-0.15, 0.15), long * 0.72, left - 1)
  }
  branch(x, y, -Math.PI / 2, unit * random.between(0.03, 0.05), 3)
}

/** A table before a wall with a window, light falling in. */
export function drawTable(stage: Stage): { ground: Ground } {
  const { canvas, random, palette, width, height, unit, lit, scene } = stage
  const wall = lit(mix(scene.tint ?? random.pick(['#d9cdb8', '#b7c4c0', '#c9b3a4', '#a9b5c4']), '#ffffff', 0.1))
  const edge = height * 0.64
  canvas.add(
    rect(0, 0, width, edge, { fill: canvas.gradient([{ colour: mix(wall, palette.shade, 0.2) }, { colour: wall }]) }),
  )
  const right = random.chance(0.5)
  const wide = unit * 0.42
  const x = right ? width - wide - unit * 0.1 : unit * 0.1
  const tall = edge * 0.66
  const top = edge * 0.1
  const frame = lit('#f4efe4')
  canvas.add(
    rect(x - unit * 0.02, top - unit * 0.02, wide + unit * 0.04, tall + unit * 0.04, { fill: darker(frame, 0.18) }),
  )
  canvas.add(rect(x, top, wide, tall, { fill: canvas.gradient(palette.sky.map((colour) => ({ colour }))) }))
  const hills = noiseCurve(random, 3)
  const outside: Point[] = Array.from({ length: 25 }, (_, n) => [
    x + (n / 24) * wide,
    top + tall * (0.82 - 0.25 * hills((n / 24) * 3)),
  ])
  canvas.add(
    polygon([...outside, [x + wide, top + tall], [x, top + tall]], { fill: mix(palette.haze, palette.leaf, 0.6) }),
  )
  canvas.add(
    path(`M${x + wide / 2} ${top}v${tall}M${x} ${top + tall / 2}h${wide}`, {
      stroke: frame,
      'stroke-width': unit * 0.014,
    }),
  )
  canvas.add(rect(x, top, wide, tall, { fill: 'none', stroke: frame, 'stroke-width': unit * 0.018 }))
  const wood = lit(scene.colours.land ?? '#9a6840')
  canvas.add(
    rect(0, edge, width, height - edge, {
      fill: canvas.gradient([
        { colour: lighter(wood, 0.22) },
        { colour: wood, at: 0.3 },
        { colour: darker(wood, 0.4) },
      ]),
    }),
  )
  for (let n = 0; n < 34; n++) {
    const y = edge + (height - edge) * random.next()
    const from = width * random.between(-0.1, 0.8)
    canvas.add(
      path(
        `M${from} ${y}q${width * 0.2} ${unit * random.between(-0.012, 0.012)} ${width * random.between(0.2, 0.6)} 0`,
        { fill: 'none', stroke: darker(wood, 0.4), 'stroke-width': unit * 0.0018, opacity: 0.35 },
      ),
    )
  }
  const shine = canvas.gradient([
    { colour: palette.light, opacity: 0.42 },
    { colour: palette.light, opacity: 0.05 },
  ])
  const slant = right ? -unit * 0.35 : unit * 0.35
  for (const part of [0.03, 0.53]) {
    const left = x + wide * part
    canvas.add(
      polygon(
        [
          [left + slant * 0.2, edge],
          [left + wide * 0.44 + slant * 0.2, edge],
          [left + wide * 0.5 + slant, height],
          [left + slant - wide * 0.04, height],
        ],
        { fill: shine },
      ),
    )
  }
  canvas.add(rect(0, edge, width, unit * 0.006, { fill: lighter(wood, 0.45), opacity: 0.8 }))
  return { ground: (_, depth) => edge + (height - edge) * (0.2 + 0.7 * depth) }
}

/** Where no word was understood: forms and colours that follow from the words' letters and the seed. */
export function drawAbstract(stage: Stage): { ground: Ground } {
  const { canvas, random, width, height, unit, scene } = stage
  const all = Object.entries(namedColours)
    .filter(([name]) => !scene.absent.has(name))
    .map(([, colour]) => colour)
  const base = scene.tint ?? all[random.integer(0, all.length - 1)] ?? '#2f6fd0'
  const colours = [
    base,
    ...Array.from({ length: 4 }, () => mix(all[random.integer(0, all.length - 1)] ?? base, base, 0.25)),
  ]
  const pick = (): Colour => colours[random.integer(0, colours.length - 1)] ?? base
  canvas.add(
    rect(0, 0, width, height, {
      fill: canvas.gradient([{ colour: lighter(base, 0.72) }, { colour: lighter(pick(), 0.55) }], random.chance(0.5)),
    }),
  )
  for (let band = 0; band < 5; band++) {
    const curve = noiseCurve(random, 2)
    const level = (band + 0.6) / 5.4
    const points: Point[] = Array.from({ length: 61 }, (_, n) => [
      (n / 60) * width,
      height * (level + 0.26 * (curve((n / 60) * 2.4) - 0.5)),
    ])
    const colour = pick()
    canvas.add(
      polygon([...points, [width, height], [0, height]], {
        fill: canvas.gradient(
          [
            { colour, opacity: 0.85 },
            { colour: mix(colour, base, 0.5), opacity: 0.35 },
          ],
          true,
        ),
      }),
    )
  }
  for (let n = 0; n < 9; n++) {
    const [x, y, radius] = [random.next() * width, random.next() * height, unit * random.between(0.03, 0.17)]
    const kind = random.integer(0, 2)
    if (kind === 0) canvas.add(circle(x, y, radius, { fill: pick(), opacity: 0.8 }))
    else if (kind === 1)
      canvas.add(
        circle(x, y, radius, { fill: 'none', stroke: pick(), 'stroke-width': unit * random.between(0.004, 0.014) }),
      )
    else
      canvas.add(
        polygon(
          [0, 1, 2].map((corner): Point => [
            x + radius * Math.cos(corner * 2.094 + radius),
            y + radius * Math.sin(corner * 2.094 + radius),
          ]),
          { fill: pick(), opacity: 0.75 },
        ),
      )
  }
  for (let n = 0; n < 60; n++)
    canvas.add(
      circle(random.next() * width, random.next() * height, unit * random.between(0.001, 0.006), {
        fill: random.chance(0.5) ? '#ffffff' : pick(),
      }),
    )
  return { ground: (_, depth) => height * (0.5 + 0.45 * depth) }
}
