import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js'
import { roleFor } from './auth/method-roles.js'
import type { CallContext } from './call-context.js'
import { type MethodTrace, type ServerState, serveStream, serveUnary } from './handlers.js'
import type { Metrics } from './metrics.js'
import { decodeLater } from './undecodable.js'

type DecodedRequest<M> = M extends { requestDeserialize: (bytes: Buffer) => infer R } ? R : never
type RequestOf<M> = M extends { requestStream: true } ? AsyncIterable<DecodedRequest<M>> : DecodedRequest<M>
type ResponseOf<M> = M extends { responseSerialize: (value: infer R) => Buffer } ? R : never

/** What serves a generated service definition: a method for each of its own. Those with one response answer with a
 *  promise, those with a stream of them with an async iterable, which is read no faster than the caller reads. Requests that come as a stream
 *  are an async iterable too: it reads no faster than the method does, ends with the caller's last request, and throws what the call fails
 *  with. A method may answer before it has read all. */
export type Implementation<D> = {
  readonly [M in keyof D]: D[M] extends { responseStream: true }
    ? (request: RequestOf<D[M]>, context: CallContext) => AsyncIterable<ResponseOf<D[M]>>
    : (request: RequestOf<D[M]>, context: CallContext) => Promise<ResponseOf<D[M]>>
}

/** A service that startGrpcServer can serve. */
export interface GrpcService {
  /** `holdfast.chat.v1.ChatService`. */
  readonly name: string
  readonly definition: ServiceDefinition
  /** Its methods, for who calls them without the wire. */
  readonly implementation: Readonly<Record<string, unknown>>
  readonly bind: (state: ServerState, metrics: Metrics | undefined) => BoundService
}

export interface BoundService {
  readonly definition: ServiceDefinition
  /** By path: `/holdfast.chat.v1.ChatService/SendMessage`. */
  readonly methods: ReadonlyMap<string, MethodTrace>
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
  return {
    name,
    definition,
    implementation,
    bind(state, metrics) {
      const bound: UntypedServiceImplementation = {}
      const guarded: Record<string, ServiceDefinition[string]> = {}
      const traces = new Map<string, MethodTrace>()
      for (const [key, method] of methods) {
        const shortName = method.path.split('/')[2] ?? key
        const { requestStream, responseStream } = method
        const record = metrics?.calls(name, shortName)
        const fullName = `${name}/${shortName}`
        const trace = { name: fullName, role: roleFor(fullName, state.roles), requestStream, responseStream, record }
        traces.set(method.path, trace)
        const handle = (implementation[key as keyof D] as AnyHandler).bind(implementation)
        bound[key] = responseStream
          ? serveStream(trace, handle as (...call: Parameters<AnyHandler>) => AsyncIterable<unknown>, state)
          : serveUnary(trace, handle as (...call: Parameters<AnyHandler>) => Promise<unknown>, state)
        guarded[key] = { ...method, requestDeserialize: decodeLater(method.requestDeserialize) }
      }
      return { definition: guarded, implementation: bound, methods: traces }
    },
  }
}
