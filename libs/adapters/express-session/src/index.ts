export { HoldfastStore, type HoldfastStoreOptions } from './holdfast-store.js'
