export { HoldfastSession, type HoldfastSessionOptions } from './holdfast-session.js'
