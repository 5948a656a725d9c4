import type { Jobs } from '@holdfast/jobs'
import type { TenantStore } from '@holdfast/persistence'
import type { GrpcService } from '@holdfast/server'
import { visionGrpcService } from './server.js'
import { Vision } from './vision.js'
import type { VisionWork } from './vision-work.js'

export interface VisionServiceOptions {
  /** Opened with `work.kind` among its kinds. */
  readonly jobs: Jobs
  /** Where pictures are put; that of the jobs. */
  readonly store: TenantStore
  readonly work: VisionWork
}

export interface VisionService {
  /** For `startGrpcServer({ services: [vision.service] })`. */
  readonly service: GrpcService
  readonly engine: Vision
  /** Rejects when jobs cannot be looked for, or the model is not there. */
  health(): Promise<void>
  /** For symmetry with other services: all that runs here are jobs, which `jobs.close()` drains. */
  drain(): Promise<void>
}

/** The service on jobs, a store and a model; it owns none of them. */
export function createVisionService({ jobs, store, work }: VisionServiceOptions): VisionService {
  const engine = new Vision(jobs, work)
  return {
    service: visionGrpcService(engine, store),
    engine,
    health: () => engine.health(),
    drain: () => Promise.resolve(),
  }
}
