import * as built from './built.js'
import type { Drawing } from './drawing.js'
import * as flying from './flying.js'
import * as living from './living.js'
import * as plants from './plants.js'
import * as stillLife from './still-life.js'
import type { ThingKind } from './vocabulary.js'

export interface Part {
  readonly draw: Drawing
  readonly where: 'ground' | 'sky' | 'water'
  /** Height near by, in parts of the picture's shorter side. */
  readonly tall: number
  /** How far off it may stand: 0 at the horizon, 1 in front. */
  readonly depth: readonly [number, number]
  /** Height in the still life on a table. */
  readonly onTable?: number
}

const ground = (draw: Drawing, tall: number, depth: readonly [number, number], onTable?: number): Part => ({
  draw,
  where: 'ground',
  tall,
  depth,
  ...(onTable === undefined ? {} : { onTable }),
})
const sky = (draw: Drawing, tall: number): Part => ({ draw, where: 'sky', tall, depth: [0.2, 1] })
const water = (draw: Drawing, tall: number, depth: readonly [number, number]): Part => ({
  draw,
  where: 'water',
  tall,
  depth,
})

/** Who is drawn as a figure of its own; the rest is sky or land. */
export const cast: Readonly<Partial<Record<ThingKind, Part>>> = {
  astronaut: ground(living.astronaut, 0.34, [0.45, 0.85]),
  balloon: sky(flying.balloon, 0.3),
  bird: sky(living.bird, 0.085),
  boat: water(built.boat, 0.3, [0.2, 0.8]),
  book: ground(stillLife.book, 0.16, [0.6, 0.9], 0.36),
  bush: ground(plants.bush, 0.16, [0.1, 0.9]),
  butterfly: sky(living.butterfly, 0.075),
  cactus: ground(plants.cactus, 0.36, [0.15, 0.85]),
  campfire: ground(built.campfire, 0.17, [0.6, 0.85]),
  candle: ground(stillLife.candle, 0.16, [0.6, 0.9], 0.42),
  car: ground(built.car, 0.24, [0.45, 0.8]),
  castle: ground(built.castle, 0.86, [0.05, 0.3]),
  cat: ground(living.cat, 0.3, [0.6, 0.9], 0.5),
  church: ground(built.church, 0.64, [0.05, 0.4]),
  cup: ground(stillLife.cup, 0.16, [0.6, 0.9], 0.42),
  dog: ground(living.dog, 0.27, [0.55, 0.9], 0.45),
  fish: water(living.fish, 0.13, [0.35, 0.85]),
  flower: ground(plants.flower, 0.15, [0.3, 1], 0.4),
  fruit: ground(stillLife.fruit, 0.1, [0.6, 0.95], 0.24),
  house: ground(built.house, 0.5, [0.08, 0.5]),
  kite: sky(flying.kite, 0.17),
  lighthouse: ground(built.lighthouse, 0.58, [0.1, 0.4]),
  mushroom: ground(plants.mushroom, 0.11, [0.5, 1], 0.3),
  palm: ground(plants.palm, 0.56, [0.1, 0.75]),
  person: ground(living.person, 0.33, [0.45, 0.85]),
  pine: ground(plants.pine, 0.5, [0, 0.75]),
  plane: sky(flying.plane, 0.17),
  planet: sky(flying.planet, 0.3),
  rabbit: ground(living.rabbit, 0.17, [0.55, 0.95], 0.4),
  robot: ground(living.robot, 0.38, [0.5, 0.85], 0.5),
  rocket: sky(flying.rocket, 0.36),
  sheep: ground(living.sheep, 0.2, [0.3, 0.9]),
  snowman: ground(living.snowman, 0.34, [0.5, 0.85]),
  tent: ground(built.tent, 0.28, [0.35, 0.75]),
  tree: ground(plants.tree, 0.5, [0.05, 0.75]),
  ufo: sky(flying.ufo, 0.22),
  vase: ground(plants.vase, 0.22, [0.6, 0.9], 0.62),
  whale: water(living.whale, 0.26, [0.35, 0.75]),
  windmill: ground(built.windmill, 0.74, [0.05, 0.35]),
}
