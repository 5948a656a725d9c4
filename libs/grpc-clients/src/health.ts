import { asHoldfastError, type HoldfastError } from '@holdfast/errors'
import type { Link } from './channels.js'
import type { Connection } from './connection.js'
import type { EncodedCall } from './method.js'
import type { CallOptions } from './options.js'
import { callOn } from './unary.js'

export interface AddressHealth {
  readonly address: string
  /** `not-serving`: it answers, and is starting or draining. `unreachable`: `error` says why. */
  readonly status: 'serving' | 'not-serving' | 'unreachable'
  readonly latencyMs: number
  readonly error?: HoldfastError
}

/** grpc.health.v1.Health/Check about the server as a whole. Its request is empty then, and its response one enum, field 1, which
 *  is less than generated code for it: https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto */
const check: EncodedCall<'serving' | 'not-serving'> = {
  name: 'Check',
  path: '/grpc.health.v1.Health/Check',
  bytes: Buffer.alloc(0),
  decode: (bytes) => (bytes.equals(Buffer.of(0x08, 0x01)) ? 'serving' : 'not-serving'),
}

export async function checkHealth(connection: Connection, options: CallOptions): Promise<readonly AddressHealth[]> {
  return Promise.all(connection.channels.links.map((link) => checkAddress(connection, link, options)))
}

async function checkAddress(connection: Connection, link: Link, options: CallOptions): Promise<AddressHealth> {
  const startedAt = performance.now()
  const result = (): { address: string; latencyMs: number } => ({
    address: link.address,
    latencyMs: performance.now() - startedAt,
  })
  try {
    const status = await callOn(connection, link, check, { deadlineMs: 5_000, ...options })
    return { ...result(), status }
  } catch (error) {
    return { ...result(), status: 'unreachable', error: asHoldfastError(error, `Health check of ${link.address}`) }
  }
}
