import type { Jobs } from '@holdfast/jobs'
import type { TenantStore } from '@holdfast/persistence'
import type { GrpcService } from '@holdfast/server'
import { ImageGeneration } from './image-generation.js'
import type { ImageWork } from './image-work.js'
import { imageGrpcService } from './server.js'

export interface ImageGenerationServiceOptions {
  /** Opened with `work.kind` among its kinds. */
  readonly jobs: Jobs
  /** Where pictures are put; that of the jobs. */
  readonly store: TenantStore
  readonly work: ImageWork
}

export interface ImageGenerationService {
  /** For `startGrpcServer({ services: [images.service] })`. */
  readonly service: GrpcService
  readonly engine: ImageGeneration
  /** Rejects when jobs cannot be looked for, or the model is not there. */
  health(): Promise<void>
  /** For symmetry with other services: all that runs here are jobs, which `jobs.close()` drains. */
  drain(): Promise<void>
}

/** The service on jobs, a store and a model; it owns none of them. */
export function createImageGenerationService({
  jobs,
  store,
  work,
}: ImageGenerationServiceOptions): ImageGenerationService {
  const engine = new ImageGeneration(jobs, work, store)
  return {
    service: imageGrpcService(engine),
    engine,
    health: () => engine.health(),
    drain: () => Promise.resolve(),
  }
}
