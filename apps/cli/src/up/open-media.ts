import { createArtifactService } from '@holdfast/artifacts'
import { type Jobs, openJobs } from '@holdfast/jobs'
import { type ServiceModel, visionModelFromConfig } from '@holdfast/models'
import type { DocumentStore } from '@holdfast/persistence'
import type { Config, GrpcService, Metrics } from '@holdfast/server'
import { createVisionService, visionWork } from '@holdfast/vision-ai'
import { modelConfigOf, pricesOf } from '../service-models.js'

const dayMs = 24 * 3_600_000

export interface OpenedMedia extends AsyncDisposable {
  readonly services: readonly GrpcService[]
  readonly jobs: Jobs
  /** Waits for streams that are under way; to be called beside the server's `stop`. Jobs are drained when this is disposed. */
  drain(waitMs: number): Promise<void>
}

/** The services of media, over the same jobs. Their models load with the first call.
 *  @throws INVALID_ARGUMENT if a model is configured by half, or wrong */
export async function openMedia(store: DocumentStore, config: Config, metrics: Metrics): Promise<OpenedMedia> {
  const { limits } = config
  const pictureLimits = { bytes: limits.maxPictureBytes, pixels: limits.maxPicturePixels }
  const seeing = visionWork({ model: visionModelFromConfig(modelConfigOf(config, 'vision')), limits: pictureLimits })
  const models: readonly ServiceModel[] = [seeing.model]
  const jobs = await openJobs(store, {
    kinds: [seeing.kind],
    workers: config.jobs.workers,
    maxQueued: config.jobs.maxQueued,
    retainMs: config.jobs.retainDays * dayMs,
    drainMs: Math.max(1, limits.drainMs),
    prices: pricesOf(config, [{ service: 'vision', name: seeing.model.name }]),
  })
  const vision = createVisionService({ jobs, store, work: seeing })
  const artifacts = createArtifactService({ store, jobs, maxUploadBytes: limits.maxUploadBytes })
  void metrics
  return {
    services: [vision.service, artifacts.service],
    jobs,
    async drain() {},
    async [Symbol.asyncDispose]() {
      await jobs.close()
      await Promise.all(models.map((model) => model[Symbol.asyncDispose]()))
    },
  }
}
