import type { SessionCacheChoice } from '@holdfast/session'

export interface ClientSettings {
  readonly process: number
  readonly clients: number
  readonly seed: number
  readonly databaseUrl: string
  readonly redisUrl: string
  /** Of the calls, after which a client waits up to 10 ms. */
  readonly pauseShare: number
  readonly historyFile: string
}

export interface ClientMessage {
  /** How many have ended. */
  readonly operations: number
}

export const keyCount = 500
/** So many of them are half of all calls, in all processes. */
const hotKeys = 12
/** The last ones are written with lifetimes. */
const livingKeys = 50

export function keyOf(random: () => number): string {
  return `session:${Math.floor(random() * (random() < 0.5 ? hotKeys : keyCount))}:state`
}

export function lives(key: string): boolean {
  return Number(key.split(':')[1]) >= keyCount - livingKeys
}

export function cacheOf({ redisUrl }: ClientSettings): SessionCacheChoice {
  return { redis: redisUrl }
}
