import { createArtifactService } from '@holdfast/artifacts'
import { type JobsHealth, openJobs } from '@holdfast/jobs'
import type { DocumentStore } from '@holdfast/persistence'
import type { Config, GrpcService } from '@holdfast/server'

const dayMs = 24 * 3_600_000

export interface OpenedMedia extends AsyncDisposable {
  readonly services: readonly GrpcService[]
  health(): JobsHealth
}

/** The services of media, over the same jobs. Their models load with the first call. */
export async function openMedia(store: DocumentStore, config: Config): Promise<OpenedMedia> {
  const { workers, maxQueued, retainDays } = config.jobs
  const jobs = await openJobs(store, {
    kinds: [],
    workers,
    maxQueued,
    retainMs: retainDays * dayMs,
    drainMs: Math.max(1, config.limits.drainMs),
  })
  const artifacts = createArtifactService({ store, jobs, maxUploadBytes: config.limits.maxUploadBytes })
  return {
    services: [artifacts.service],
    health: () => jobs.health(),
    [Symbol.asyncDispose]: () => jobs.close(),
  }
}
