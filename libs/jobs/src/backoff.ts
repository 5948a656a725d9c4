import type { HoldfastError } from '@holdfast/errors'
import type { JobKind } from './job-kind.js'

/** Until the next attempt after `tries` of them: doubles with each, drawn between half and all of that, so that what failed together does not
 *  come back together; never sooner than the failure asks for. */
export function backoffMs({ backoff }: Pick<JobKind, 'backoff'>, tries: number, error: HoldfastError): number {
  const most = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(30, Math.max(0, tries - 1)))
  return Math.max(Math.ceil(most * (0.5 + Math.random() / 2)), error.retryAfterMs ?? 0)
}
