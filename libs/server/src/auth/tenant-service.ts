import type { ServiceDefinition } from '@grpc/grpc-js'
import type { CallContext } from '../call-context.js'
import { type GrpcService, type Implementation, defineService } from '../service.js'
import type { Lease, TenantPool } from './tenant-pool.js'

type AnyMethod = (request: unknown, context: CallContext) => unknown

/** One service of all tenants: each call goes to the one of its caller's tenant, which knows of no other.
 *  @param serviceOf the service among what a tenant has open */
export function serviceByTenant<Parts extends AsyncDisposable>(
  definition: ServiceDefinition,
  pool: TenantPool<Parts>,
  serviceOf: (parts: Parts) => GrpcService,
): GrpcService {
  const methods = Object.entries(definition).map(([name, { responseStream }]) => {
    const methodOf = (lease: Lease<Parts>): AnyMethod => {
      const { implementation } = serviceOf(lease.parts)
      return (implementation[name] as AnyMethod).bind(implementation)
    }
    const unary = (request: unknown, context: CallContext): Promise<unknown> => {
      const lease = pool.lease(context.caller.tenant)
      return lease instanceof Promise
        ? lease.then((one) => released(one, methodOf(one), request, context))
        : released(lease, methodOf(lease), request, context)
    }
    const stream = async function* (request: unknown, context: CallContext): AsyncIterable<unknown> {
      using lease = await pool.lease(context.caller.tenant)
      yield* methodOf(lease)(request, context) as AsyncIterable<unknown>
    }
    return [name, responseStream ? stream : unary] as const
  })
  return defineService(definition, Object.fromEntries(methods) as Implementation<ServiceDefinition>)
}

async function released<Parts>(
  lease: Lease<Parts>,
  method: AnyMethod,
  request: unknown,
  context: CallContext,
): Promise<unknown> {
  using _ = lease
  return await method(request, context)
}
