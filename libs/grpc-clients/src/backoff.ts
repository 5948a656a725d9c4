import { setTimeout as after } from 'node:timers/promises'
import { cancelled } from './failures.js'

const firstMs = 100
const longestMs = 2_000

/** Milliseconds before attempt `attempt + 1`: a random part of a bound that doubles, so that clients that failed together do
 *  not come back together (full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). What the
 *  server asked for is the least. */
export function backoffMs(attempt: number, askedMs = 0): number {
  const bound = Math.min(longestMs, firstMs * 2 ** Math.min(attempt - 1, 16))
  return askedMs + Math.random() * bound
}

/** @throws CANCELLED when the signal aborts */
export async function pause(ms: number, signal: AbortSignal, method: string): Promise<void> {
  try {
    await after(ms, undefined, { signal })
  } catch (error) {
    throw cancelled(method, signal.reason ?? error)
  }
}
