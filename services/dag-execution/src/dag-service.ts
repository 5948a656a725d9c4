import type { GrpcService } from '@holdfast/server'
import { dagGrpcService } from './server.js'
import { DagTenants, type DagTenantsOptions } from './tenants/dag-tenants.js'

export type DagServiceOptions = DagTenantsOptions

export interface DagService {
  readonly service: GrpcService
  /** `tenants.of('acme')` has the graphs, the engine and the schedules of a tenant. */
  readonly tenants: DagTenants
  /** Lets go of all runs, which go on at other processes or with the next start. */
  close(): Promise<void>
}

/** holdfast.dag.v1.DagService on a store: each call sees the tenant of its caller, and this process runs the graphs of all. */
export async function createDagService(options: DagServiceOptions): Promise<DagService> {
  const tenants = new DagTenants(options)
  tenants.begin()
  return {
    service: dagGrpcService((tenant) => tenants.of(tenant)),
    tenants,
    close: () => tenants.close(),
  }
}
