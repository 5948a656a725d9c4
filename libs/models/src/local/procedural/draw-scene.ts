import { ellipse, group, standing } from './canvas.js'
import { cast, type Part } from './cast.js'
import { drawAbstract, drawSpace, drawTable, drawUnderwater } from './elsewhere.js'
import { drawIsland, drawVignette, drawWaterfall, drawWay, drawWeather } from './features.js'
import { drawLand } from './land.js'
import type { Ground } from './terrain.js'
import type { Random } from './random.js'
import type { Scene, Thing } from './scene.js'
import { drawSky } from './sky.js'
import { type Stage, stageFor } from './stage.js'

/** The whole picture as SVG: the same scene, size and random numbers give the same text. It holds no text to render and refers to
 *  nothing outside, so that what it looks like depends on no font. */
export function drawScene(scene: Scene, width: number, height: number, random: Random): string {
  const stage = stageFor(scene, width, height, random)
  const { ground, water } = drawPlace(stage)
  for (const thing of scene.things) {
    if ((thing.kind === 'path' || thing.kind === 'river') && scene.place !== 'city' && scene.place !== 'sea')
      drawWay(stage, ground, thing)
    if (thing.kind === 'waterfall') drawWaterfall(stage, ground)
  }
  drawFigures(stage, [...scene.things, ...decoration(stage)], ground, water)
  if (!['space', 'underwater', 'table', 'abstract'].includes(scene.place)) drawWeather(stage)
  drawVignette(stage)
  return stage.canvas.toString()
}

function drawPlace(stage: Stage): { ground: Ground; water?: Ground } {
  switch (stage.scene.place) {
    case 'space':
      return drawSpace(stage)
    case 'underwater':
      return drawUnderwater(stage)
    case 'table':
      return drawTable(stage)
    case 'abstract':
      return drawAbstract(stage)
    default:
      drawSky(stage)
      return drawLand(stage)
  }
}

export function drawFigures(stage: Stage, things: readonly Thing[], ground: Ground, water?: Ground): void {
  for (const figure of placed(stage, things, ground, water)) drawFigure(stage, figure)
}

interface Figure {
  readonly thing: Thing
  readonly part: Part
  readonly x: number
  readonly y: number
  readonly size: number
  readonly depth: number
  readonly floats: boolean
}

/** Finds a place for each, apart from the others; far ones first, as they are drawn. */
function placed(stage: Stage, things: readonly Thing[], ground: Ground, water: Ground | undefined): Figure[] {
  const { scene, random, width, height, unit, horizon } = stage
  const figures = things.filter(({ kind }) => cast[kind] !== undefined).reduce((sum, { count }) => sum + count, 0)
  const alone = figures === 1 ? 1.3 : figures <= 3 ? 1.1 : figures > 14 ? 0.75 : 1
  const taken: { readonly x: number; readonly y: number; readonly reach: number }[] = []
  const all: Figure[] = []
  for (const thing of things) {
    const part = cast[thing.kind]
    if (part === undefined) {
      if (thing.kind === 'island') placeIsland(stage, water ?? ground, thing)
      continue
    }
    const floats =
      part.where === 'sky' ||
      scene.place === 'space' ||
      scene.place === 'abstract' ||
      (scene.place === 'underwater' && part.where === 'water')
    for (let n = 0; n < Math.min(thing.count, 40); n++) {
      let best: Figure | undefined
      let room = -Infinity
      for (let attempt = 0; attempt < 14; attempt++) {
        const depth = part.depth[0] + (part.depth[1] - part.depth[0]) * random.next()
        const near = floats ? 0.55 + 0.45 * depth : 0.36 + 0.64 * depth
        const tall = scene.place === 'table' ? (part.onTable ?? part.tall) * 0.9 : part.tall * near
        const crowd = thing.count > 1 ? Math.max(0.5, 1 - thing.count * 0.025) : alone
        const size = unit * tall * crowd * thing.scale
        const x = width * (figures === 1 ? random.pick([0.36, 0.5, 0.64]) : random.between(0.1, 0.9))
        const y = floats
          ? (scene.place === 'space' || scene.place === 'abstract'
              ? random.between(0.25, 0.85) * height
              : scene.place === 'underwater'
                ? height * random.between(0.2, 0.72)
                : horizon * random.between(0.3, 0.82)) +
            size * 0.4
          : (part.where === 'water' && water !== undefined ? water : ground)(x, depth)
        const apart = Math.min(
          ...taken.map((other) => Math.hypot(other.x - x, (other.y - y) * 1.6) - other.reach - size * 0.42),
          width,
        )
        const inside = Math.min(0, x - size * 0.4, width - x - size * 0.4, y - size)
        if (apart + inside * 3 > room) {
          room = apart + inside * 3
          best = { thing, part, x, y: Math.min(y, height * 0.99), size, depth, floats }
        }
      }
      if (best === undefined) continue
      taken.push({ x: best.x, y: best.y, reach: best.size * 0.42 })
      all.push(best)
    }
  }
  return all.toSorted((one, other) => (one.floats === other.floats ? one.y - other.y : one.floats ? -1 : 1))
}

/** What nobody asked for and a picture is poorer without; not where it was asked away. */
function decoration({ scene, random }: Stage): Thing[] {
  const has = (kind: Thing['kind']): boolean =>
    scene.absent.has(kind) || scene.things.some((thing) => thing.kind === kind)
  const some = (kind: Thing['kind'], count: number, scale = 1): Thing[] =>
    has(kind) ? [] : [{ kind, word: kind, count, scale }]
  const calm = scene.weather === 'clear' && scene.time !== 'night'
  switch (scene.place) {
    case 'hills':
      return [
        ...some('tree', random.integer(2, 4)),
        ...(scene.season === 'winter' || has('flower') ? [] : some('flower', 9, 0.55)),
        ...(calm ? some('bird', 3, 0.5) : []),
      ]
    case 'mountains':
      return [...some('pine', random.integer(7, 11), 0.8), ...(calm ? some('bird', 2, 0.45) : [])]
    case 'lake':
      return [...some('pine', random.integer(2, 4)), ...(calm ? some('bird', 2, 0.45) : [])]
    case 'sea':
    case 'beach':
      return [...(scene.place === 'beach' ? some('palm', 2) : []), ...(calm ? some('bird', 4, 0.6) : [])]
    case 'desert':
      return some('cactus', 3, 0.8)
    case 'underwater':
      return some('fish', 6, 0.8)
    case 'table':
      return scene.things.some(({ kind }) => cast[kind] !== undefined) ? [] : some('vase', 1)
    default:
      return []
  }
}

function drawFigure(stage: Stage, { thing, part, x, y, size, depth, floats }: Figure): void {
  const { canvas, random, scene, palette } = stage
  const colour = thing.colour
  const shapes = part.draw(stage, colour)
  if (!floats && part.where === 'ground') {
    if (scene.place === 'sea') drawIsland(stage, x, y, size * 0.9)
    else if (thing.kind !== 'flower') {
      const away = stage.light.x < x ? 0.16 : -0.16
      canvas.add(ellipse(x + size * away, y, size * 0.34, size * 0.045, { fill: palette.shade, opacity: 0.32 }))
    }
  }
  const mirrored = thing.kind !== 'lighthouse' && random.chance(0.5)
  const figure = standing(x, y, size, mirrored, ...shapes)
  if (part.where === 'water' && !floats && scene.place !== 'underwater') {
    canvas.add(
      group(
        { opacity: 0.22, transform: `translate(0 ${(2 * y).toFixed(2)}) scale(1 -1)` },
        standing(x, y + size * 0.02, size * 0.9, mirrored, ...shapes),
      ),
    )
    canvas.add(ellipse(x, y, size * 0.5, size * 0.03, { fill: '#ffffff', opacity: 0.35 }))
  }
  // Far things fade a little into the air.
  const far = floats || scene.place === 'table' ? 0 : 0.22 * (1 - depth)
  canvas.add(far < 0.05 ? figure : group({ opacity: 1 - far * 0.5 }, figure))
}

function placeIsland(stage: Stage, ground: Ground, thing: Thing): void {
  const { random, width, unit } = stage
  for (let n = 0; n < Math.min(thing.count, 6); n++) {
    const [x, depth] = [width * random.between(0.2, 0.8), random.between(0.1, 0.3)]
    drawIsland(stage, x, ground(x, depth), unit * 0.4 * thing.scale * (0.5 + depth))
  }
}
