import type { Figures } from '../figures.js'

/** Where a part of the benchmark puts what it measured. */
export interface MediaReport extends Figures {
  readonly long: boolean
}
