import type { Figures } from '../figures.js'

/** What the parts of this benchmark get. */
export interface GatewayWorld extends Figures {
  /** Rounds of a comparison. */
  readonly rounds: number
  /** Of one side in one round, in milliseconds. */
  readonly ms: number
}
