import { group, rect } from './canvas.js'
import { type Colour, darker, lighter, mix } from './colour.js'
import type { Stage } from './stage.js'
import type { Ground } from './terrain.js'

export function drawCity(stage: Stage): Ground {
  const { canvas, random, palette, width, height, horizon, unit, scene } = stage
  const dark = scene.time === 'night' || scene.time === 'sunset'
  const base = height * 0.84
  const layers = 3
  for (let layer = 0; layer < layers; layer++) {
    const near = layer / (layers - 1)
    const wall = mix(palette.haze, mix(palette.rock, palette.shade, 0.5), 0.3 + 0.55 * near)
    let x = -unit * random.between(0, 0.08)
    while (x < width) {
      const wide = unit * random.between(0.055, 0.13) * (0.8 + 0.5 * near)
      const tall = horizon * random.between(0.28, 0.82) * (1.05 - 0.45 * near)
      drawBuilding(
        stage,
        x,
        base - tall,
        wide,
        tall,
        mix(wall, random.pick(['#8a6d5a', '#5a6d8a', '#777f88']), 0.18),
        near,
        dark,
      )
      x += wide + unit * random.between(0, 0.014)
    }
    if (layer < layers - 1)
      canvas.add(
        rect(0, horizon * 0.4, width, base - horizon * 0.4, {
          fill: canvas.gradient([
            { colour: palette.haze, opacity: 0 },
            { colour: palette.haze, opacity: 0.3 },
          ]),
        }),
      )
  }
  const street = mix(stage.lit('#5b5f68'), palette.shade, 0.3)
  canvas.add(
    rect(0, base, width, height - base, {
      fill: canvas.gradient([{ colour: lighter(street, 0.12) }, { colour: darker(street, 0.3) }]),
    }),
  )
  canvas.add(rect(0, base, width, height * 0.012, { fill: lighter(street, 0.3) }))
  for (let x = unit * 0.02; x < width; x += unit * 0.14)
    canvas.add(rect(x, height * 0.925, unit * 0.07, unit * 0.007, { fill: '#e8e2c8', opacity: 0.7 }))
  return (_, depth) => base + (height * 0.98 - base) * (0.1 + 0.85 * depth)
}

export function drawBuilding(
  { canvas, random, palette, light, unit }: Stage,
  x: number,
  y: number,
  wide: number,
  tall: number,
  wall: Colour,
  near: number,
  dark: boolean,
): void {
  const bright = light.x > x + wide / 2
  const ends = [mix(wall, palette.shade, 0.25), mix(wall, palette.light, 0.16)]
  canvas.add(
    rect(x, y, wide, tall, {
      fill: canvas.gradient(
        (bright ? ends : ends.toReversed()).map((colour) => ({ colour })),
        true,
      ),
    }),
  )
  if (random.chance(0.3)) canvas.add(rect(x + wide * 0.2, y - unit * 0.025, wide * 0.6, unit * 0.026, { fill: wall }))
  if (random.chance(0.22)) canvas.add(rect(x + wide * 0.48, y - unit * 0.09, unit * 0.004, unit * 0.09, { fill: wall }))
  const across = Math.max(2, Math.round(wide / (unit * 0.022)))
  const pane = wide / (across * 1.6)
  const lit: string[] = []
  const unlit: string[] = []
  for (let row = y + pane * 1.2; row < y + tall - pane; row += pane * 1.9) {
    for (let column = 0; column < across; column++) {
      const window = rect(x + wide * ((column + 0.5) / across) - pane / 2, row, pane, pane * 1.15, {})
      if (dark && random.chance(0.42)) lit.push(window)
      else unlit.push(window)
    }
  }
  canvas.add(group({ fill: '#ffd98a', opacity: 0.5 + 0.4 * near }, ...lit))
  canvas.add(
    group(
      { fill: dark ? mix(wall, palette.shade, 0.5) : mix(palette.sky[1], wall, 0.35), opacity: 0.35 + 0.3 * near },
      ...unlit,
    ),
  )
}
