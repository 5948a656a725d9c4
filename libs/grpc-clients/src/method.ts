import { HoldfastError, invalidField } from '@holdfast/errors'
import type { MessageFns } from '@holdfast/protocol'

/** A method as the generated service definitions describe it. */
export interface Method<Request, Response> {
  readonly path: string
  readonly requestSerialize: (value: Request) => Buffer
  readonly responseDeserialize: (bytes: Buffer) => Response
}

export type RequestOf<M> = M extends { requestSerialize: (value: infer Request) => Buffer } ? Request : never
export type ResponseOf<M> = M extends { responseDeserialize: (bytes: Buffer) => infer Response } ? Response : never
/** A request as callers write it: absent fields have their defaults. */
export type Partially<Request> = Parameters<MessageFns<Request>['fromPartial']>[0]

export type UnaryNames<Service> = {
  [Name in keyof Service]: Service[Name] extends { readonly requestStream: false; readonly responseStream: false }
    ? Name
    : never
}[keyof Service]

/** What an attempt needs of a method: its request is encoded once, however often it is sent. */
export interface EncodedCall<Response> {
  readonly name: string
  readonly path: string
  readonly bytes: Buffer
  readonly decode: (bytes: Buffer) => Response
}

/** What the definitions do not say of a method. */
export interface MethodRules<Request> {
  readonly request: Pick<MessageFns<Request>, 'fromPartial'>
  /** Whether running it twice is the same as running it once. */
  readonly repeatable: boolean
  /** The server answers when work is done: the deadline is that of streams. */
  readonly takesLong?: boolean
  /** Gives the request a key if the caller gave none, so that it is repeatable. */
  readonly withKey?: (request: Request) => Request
}

export function prepare<Request>(rules: MethodRules<Request>, partial: Partially<Request>): Request {
  const request = rules.request.fromPartial(partial)
  return rules.withKey?.(request) ?? request
}

/** @throws INVALID_ARGUMENT if a value has no place on the wire */
export function encode<Request, Response>(method: Method<Request, Response>, request: Request): EncodedCall<Response> {
  const name = method.path.slice(method.path.lastIndexOf('/') + 1)
  let bytes: Buffer
  try {
    bytes = method.requestSerialize(request)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    throw new HoldfastError('INVALID_ARGUMENT', `${name} cannot send its request: ${text}`, { cause: error })
  }
  // The encoder writes U+FFFD for half a surrogate pair, which would change the text silently.
  if (bytes.includes('\ufffd')) refuseLoneSurrogates(request, '')
  return { name, path: method.path, bytes, decode: method.responseDeserialize }
}

function refuseLoneSurrogates(value: unknown, path: string): void {
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) {
    throw invalidField(path, 'has half of a surrogate pair, which UTF-8 cannot carry: cut texts between characters')
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, each] of value instanceof Map ? value : Object.entries(value)) {
    refuseLoneSurrogates(each, Array.isArray(value) ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${key}`)
  }
}
