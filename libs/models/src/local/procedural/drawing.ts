import type { Colour } from './colour.js'
import type { Stage } from './stage.js'

/** Shapes in a square of 100 × 100 that stand on its lower edge. */
export type Drawing = (stage: Stage, colour?: Colour) => readonly string[]
