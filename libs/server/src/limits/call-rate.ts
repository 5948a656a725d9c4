import { HoldfastError, invalidField } from '@holdfast/errors'

/** How many calls somebody may make. */
export interface CallRate {
  /** Calls a second in the long run; a fraction for less than one. */
  readonly perSecond: number
  /** Calls that may come at once after a time without any; default: those of two seconds, at least 1. */
  readonly burst?: number
}

/** A rate, and what follows from it. */
export interface FullRate {
  readonly perSecond: number
  readonly burst: number
  /** Calls that a process takes from the store at once, so that most calls ask nobody. It bounds by how much processes overshoot together. */
  readonly portion: number
}

const burstSeconds = 2
const portionSeconds = 0.1

/** @throws INVALID_ARGUMENT */
export function fullRate({ perSecond, burst = perSecond * burstSeconds }: CallRate): FullRate {
  if (!(perSecond > 0 && perSecond < Infinity)) throw invalidField('perSecond', 'must be greater than 0')
  const whole = Math.max(1, Math.floor(burst))
  return { perSecond, burst: whole, portion: Math.min(whole, Math.max(1, Math.floor(perSecond * portionSeconds))) }
}

/** @param whose `tenant acme`, `credential 0123456789abcdef` */
export function rateExceeded(whose: string, { perSecond }: FullRate, retryAfterMs: number): HoldfastError {
  return new HoldfastError(
    'RESOURCE_EXHAUSTED',
    `The calls of ${whose} are limited to ${perSecond} a second, and there were more: wait, and send fewer`,
    {
      reason: 'RATE_LIMITED',
      retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)),
      quota: [{ subject: whose, description: `${perSecond} calls a second` }],
    },
  )
}
