export { HoldfastSaver, type HoldfastSaverOptions } from './holdfast-saver.js'
export type { PruneReport } from './prune.js'
