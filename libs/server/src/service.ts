import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import type { CallContext } from './call-context.js'
import { type ServerState, UndecodableRequest, serveStream, serveUnary } from './handlers.js'
import type { Metrics } from './metrics.js'

type RequestOf<M> = M extends { requestDeserialize: (bytes: Buffer) => infer R } ? R : never
type ResponseOf<M> = M extends { responseSerialize: (value: infer R) => Buffer } ? R : never

/** What serves a generated service definition: a method for each of its own. Unary ones answer with a promise, streaming
 *  ones with an async iterable, which is read no faster than the caller reads. */
export type Implementation<D> = {
  readonly [M in keyof D]: D[M] extends { responseStream: true }
    ? (request: RequestOf<D[M]>, context: CallContext) => AsyncIterable<ResponseOf<D[M]>>
    : (request: RequestOf<D[M]>, context: CallContext) => Promise<ResponseOf<D[M]>>
}

/** A service that startGrpcServer can serve. */
export interface GrpcService {
  /** `holdfast.chat.v1.ChatService`. */
  readonly name: string
  readonly bind: (state: ServerState, metrics: Metrics | undefined) => BoundService
}

export interface BoundService {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
}

type AnyHandler = (request: unknown, context: CallContext) => unknown

/** Ties a generated definition (`ChatServiceService`) to what serves it; methods are called on `implementation`. */
export function defineService<D extends ServiceDefinition>(
  definition: D,
  implementation: Implementation<D>,
): GrpcService {
  const methods = Object.entries<ServiceDefinition[string]>(definition)
  const name = methods[0]?.[1].path.split('/')[1] ?? ''
  const streaming = methods.find(([, method]) => method.requestStream)
  if (streaming) throw new TypeError(`${name}.${streaming[0]} streams requests, which this server does not serve`)
  return {
    name,
    bind(state, metrics) {
      const bound: UntypedServiceImplementation = {}
      const guarded: Record<string, ServiceDefinition[string]> = {}
      for (const [key, method] of methods) {
        const shortName = method.path.split('/')[2] ?? key
        const { responseStream: isStream } = method
        const trace = { name: `${name}/${shortName}`, isStream, record: metrics?.calls(name, shortName) }
        const handle = (implementation[key as keyof D] as AnyHandler).bind(implementation)
        bound[key] = isStream
          ? serveStream(trace, handle as (...call: Parameters<AnyHandler>) => AsyncIterable<unknown>, state)
          : serveUnary(trace, handle as (...call: Parameters<AnyHandler>) => Promise<unknown>, state)
        guarded[key] = { ...method, requestDeserialize: guard(method.requestDeserialize) }
      }
      return { definition: guarded, implementation: bound }
    },
  }
}

/** Bytes that are not a request are the caller's fault; grpc-js would call them INTERNAL. */
function guard(decode: (bytes: Buffer) => unknown): (bytes: Buffer) => unknown {
  return (bytes) => {
    try {
      return decode(bytes)
    } catch (error) {
      return new UndecodableRequest(error)
    }
  }
}
