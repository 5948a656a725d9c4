import type { GrpcService, Metrics } from '@holdfast/server'
import { dagMetrics } from './dag-metrics.js'
import { dagGrpcService } from './server.js'
import { DagTenants, type DagTenantsOptions } from './tenants/dag-tenants.js'

export interface DagServiceOptions extends Omit<DagTenantsOptions, 'wrote'> {
  /** Default: none. */
  readonly metrics?: Metrics
}

export interface DagService {
  readonly service: GrpcService
  /** `tenants.of('acme')` has the graphs, the engine and the schedules of a tenant. */
  readonly tenants: DagTenants
  /** Lets go of all runs, which go on at other processes or with the next start. */
  close(): Promise<void>
}

/** holdfast.dag.v1.DagService on a store: each call sees the tenant of its caller, and this process runs the graphs of all. */
export async function createDagService({ metrics, ...options }: DagServiceOptions): Promise<DagService> {
  const measured = metrics && dagMetrics(metrics)
  const tenants = new DagTenants({ ...options, ...(measured === undefined ? {} : { wrote: measured.wrote }) })
  measured?.observe(tenants)
  tenants.begin()
  return {
    service: dagGrpcService((tenant) => tenants.of(tenant)),
    tenants,
    close: () => tenants.close(),
  }
}
