import type { HoldfastError } from '@holdfast/errors'
import type { Settings } from './options.js'

const longestDelayMs = 8_000
/** An endpoint that wants a longer wait than this is left to the caller, who gets `retryAfterMs`. */
const longestRetryAfterMs = 20_000

/** How long to wait before sending the request again; `undefined`: do not. `retries`: how many there were before. */
export function retryDelayMs(
  failure: HoldfastError,
  retries: number,
  settings: Pick<Settings, 'maxRetries' | 'retryDelayMs'>,
): number | undefined {
  const transient = failure.code === 'UNAVAILABLE' || failure.reason === 'MODEL_RATE_LIMITED'
  if (!transient || retries >= settings.maxRetries) return undefined
  if (failure.retryAfterMs !== undefined) {
    return failure.retryAfterMs <= longestRetryAfterMs ? failure.retryAfterMs : undefined
  }
  const delayMs = Math.min(settings.retryDelayMs * 2 ** retries, longestDelayMs)
  return delayMs * (1 - Math.random() * 0.25)
}
