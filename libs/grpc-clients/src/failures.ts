import type { ServiceError } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import { errorFromGrpc } from '@holdfast/protocol'

/** An attempt that failed, and what that says of its effect. */
export interface Failure {
  readonly error: HoldfastError
  /** `none`: the server did not run the call, so that any call can be tried again. `unknown`: it may have run it. `answered`: it
   *  ran it and this is its answer. */
  readonly effect: 'none' | 'unknown' | 'answered'
}

/** What grpc-js says when a call never left this process. */
const neverSent = /No connection established|Name resolution failed|Stream refused by server|before call started/
/** What becomes of a call when the server's process dies, besides UNAVAILABLE: seen when a grpc-js server is killed, is shut down
 *  by force, or closes its socket between two frames. */
const cut = /^(Call cancelled|Received RST_STREAM)/

export function failureOf(error: ServiceError, method: string, address: string): Failure {
  const decoded = errorFromGrpc(error)
  if (error.metadata.get('grpc-status-details-bin').length > 0) return { error: decoded, effect: effectOf(decoded) }
  if (neverSent.test(error.details)) {
    const text = `${method} could not reach ${address} (${error.details}): check that a server listens there`
    const details = { cause: error, reason: 'UNREACHABLE' }
    return { error: new HoldfastError('UNAVAILABLE', text, details), effect: 'none' }
  }
  if (decoded.code === 'UNAVAILABLE' || cut.test(error.details)) {
    const text = `${method} lost its connection to ${address} before the answer (${error.details})`
    const details = { cause: error, reason: 'CONNECTION_LOST' }
    return { error: new HoldfastError('UNAVAILABLE', text, details), effect: 'unknown' }
  }
  if (decoded.code === 'DEADLINE_EXCEEDED') {
    const text = `${method} got no answer from ${address} within its deadline`
    return { error: new HoldfastError(decoded.code, text, { cause: error }), effect: 'answered' }
  }
  return { error: decoded, effect: 'answered' }
}

/** By the contract of the codes: UNAVAILABLE from a server means that nothing was written, UNKNOWN that nobody knows. */
function effectOf({ code, retryAfterMs }: HoldfastError): Failure['effect'] {
  if (code === 'UNAVAILABLE' || (code === 'RESOURCE_EXHAUSTED' && retryAfterMs !== undefined)) return 'none'
  return code === 'UNKNOWN' ? 'unknown' : 'answered'
}

/** What the caller of a write that must not be repeated is told when its connection was lost. */
export function outcomeUnknown(method: string, { error }: Failure): HoldfastError {
  if (error.code === 'UNKNOWN') return error
  return new HoldfastError(
    'UNKNOWN',
    `${method} lost its connection before the answer: read what it was to change before you repeat it`,
    { cause: error, reason: 'OUTCOME_UNKNOWN' },
  )
}

export function cancelled(doing: string, cause: unknown): HoldfastError {
  return new HoldfastError('CANCELLED', `${doing} was cancelled by the caller`, { cause })
}
