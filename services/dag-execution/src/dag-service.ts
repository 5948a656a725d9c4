import type { TenantStore } from '@holdfast/persistence'
import type { GrpcService } from '@holdfast/server'
import type { ExecutionEngine } from './engine/execution-engine.js'
import { type LocalEngineOptions, openLocalEngine } from './engine/local-engine.js'
import { Graphs } from './graphs.js'
import { Schedules } from './schedules/schedules.js'
import { dagGrpcService } from './server.js'

export interface DagServiceOptions extends LocalEngineOptions {
  readonly store: TenantStore
  /** What runs graphs, if it is not the engine of this process; default: a local engine on the store. */
  readonly engine?: ExecutionEngine
}

export interface DagService {
  readonly service: GrpcService
  readonly graphs: Graphs
  readonly engine: ExecutionEngine
  readonly schedules: Schedules
  /** Lets go of all runs, which go on at other processes or with the next start. */
  close(): Promise<void>
}

/** holdfast.dag.v1.DagService on a store. */
export async function createDagService(options: DagServiceOptions): Promise<DagService> {
  const { store, warn } = options
  const graphs = new Graphs(store)
  const engine = options.engine ?? (await openLocalEngine(store, options))
  const schedules = new Schedules({ store, graphs, engine, ...(warn === undefined ? {} : { warn }) })
  schedules.begin()
  return {
    service: dagGrpcService({ graphs, engine, schedules }),
    graphs,
    engine,
    schedules,
    async close() {
      await schedules.close()
      await engine[Symbol.asyncDispose]()
    },
  }
}
