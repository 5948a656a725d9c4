import { drawFigures } from './draw-scene.js'
import { drawWeather } from './features.js'
import type { Random } from './random.js'
import type { Scene } from './scene.js'
import { stageFor } from './stage.js'

export interface Region {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** The figures of a prompt on nothing, to be laid over a picture that is there, in daylight, since nobody knows its light. */
export function drawAddedFigures(scene: Scene, { width, height }: Region, random: Random): string {
  const added: Scene = { ...scene, place: 'hills', time: 'day', weather: 'clear' }
  const stage = { ...stageFor(added, width, height, random), horizon: height * 0.6, lit: (colour: string) => colour }
  const ground = (_: number, depth: number): number => height * (0.6 + 0.38 * depth)
  drawFigures(stage, added.things, ground)
  return stage.canvas.toString()
}

/** Rain, snow, fog or falling leaves on nothing. */
export function drawAddedWeather(scene: Scene, width: number, height: number, random: Random): string {
  const stage = stageFor({ ...scene, place: 'hills' }, width, height, random)
  drawWeather(stage)
  return stage.canvas.toString()
}
