import type { Connection } from './connection.js'
import {
  encode,
  type Method,
  type MethodRules,
  type Partially,
  prepare,
  type RequestOf,
  type ResponseOf,
  type UnaryNames,
} from './method.js'
import type { CallOptions } from './options.js'
import { callUnary } from './unary.js'

/** The methods of a service that take one request and give one response. */
export type UnaryCalls<Service> = {
  readonly [Name in UnaryNames<Service>]: (
    request: Partially<RequestOf<Service[Name]>>,
    options?: CallOptions,
  ) => Promise<ResponseOf<Service[Name]>>
}

export type UnaryRules<Service> = { readonly [Name in UnaryNames<Service>]: MethodRules<RequestOf<Service[Name]>> }

export function unaryCalls<Service>(
  connection: Connection,
  service: Service,
  rules: UnaryRules<Service>,
): UnaryCalls<Service> {
  const calls = Object.entries(rules).map(([name, rule]) => {
    // The table's type ties each rule to its method; here, one by one, both are only known by name.
    const method = service[name as keyof Service] as Method<unknown, unknown>
    const known = rule as MethodRules<unknown>
    const call = async (partial: object, options: CallOptions = {}) => {
      const deadlineMs = options.deadlineMs ?? (known.takesLong === true ? connection.streamDeadlineMs : undefined)
      const given = deadlineMs === undefined ? options : { ...options, deadlineMs }
      return callUnary(connection, encode(method, prepare(known, partial)), known.repeatable, given)
    }
    return [name, call] as const
  })
  return Object.fromEntries(calls) as unknown as UnaryCalls<Service>
}
