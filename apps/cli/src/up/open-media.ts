import { createArtifactService } from '@holdfast/artifacts'
import { HoldfastError } from '@holdfast/errors'
import { createImageGenerationService, imageWork } from '@holdfast/image-generation'
import { jobMetrics } from '@holdfast/job-service'
import { type Jobs, openJobs } from '@holdfast/jobs'
import {
  imageModelFromConfig,
  speechModelFromConfig,
  transcriptionModelFromConfig,
  visionModelFromConfig,
} from '@holdfast/models'
import type { DocumentStore } from '@holdfast/persistence'
import type { Config, GrpcService, Logger, Metrics } from '@holdfast/server'
import type { ConversationStore } from '@holdfast/session'
import { createSpeechToTextService, FiledRecordings, transcriptionWork } from '@holdfast/speech-to-text'
import { createTextToSpeechService, speechWork } from '@holdfast/text-to-speech'
import { createVisionService, visionWork } from '@holdfast/vision-ai'
import { modelConfigOf, pricesOf } from '../service-models.js'

const dayMs = 24 * 3_600_000
const minuteMs = 60_000

export interface OpenedMedia extends AsyncDisposable {
  readonly services: readonly GrpcService[]
  readonly jobs: Jobs
  /** By the names of services: whether jobs can be looked for, and whether a local model can work. */
  readonly health: Readonly<Record<string, () => Promise<void>>>
  /** Waits for streams that are under way; to be called beside the server's `stop`. Jobs are drained when this is disposed. */
  drain(waitMs: number): Promise<void>
}

/** The services of media, over the same jobs. Their models load with the first call.
 *  @throws INVALID_ARGUMENT if a model is configured by half, or wrong */
export async function openMedia(
  store: DocumentStore,
  config: Config,
  metrics: Metrics,
  conversations: ConversationStore,
  logger: Logger,
): Promise<OpenedMedia> {
  const { maxPictureBytes, maxPicturePixels, maxUploadBytes, maxAudioMinutes, maxMessageBytes, drainMs } = config.limits
  const limits = { bytes: maxPictureBytes, pixels: maxPicturePixels }
  const hearing = transcriptionWork({
    model: transcriptionModelFromConfig(modelConfigOf(config, 'transcription')),
    maxDurationMs: maxAudioMinutes * minuteMs,
    maxBytes: maxUploadBytes,
  })
  const speaking = speechWork({ model: speechModelFromConfig(modelConfigOf(config, 'speech')) })
  const seeing = visionWork({ model: visionModelFromConfig(modelConfigOf(config, 'vision')), limits })
  const painting = imageWork({ model: imageModelFromConfig(modelConfigOf(config, 'image')), limits })
  const measured = jobMetrics(metrics)
  const jobs = await openJobs(store, {
    onEnd: measured.onEnd,
    kinds: [hearing.kind, speaking.kind, seeing.kind, painting.kind],
    workers: config.jobs.workers,
    maxQueued: config.jobs.maxQueued,
    retainMs: config.jobs.retainDays * dayMs,
    drainMs: Math.max(1, drainMs),
    prices: pricesOf(config, [
      { service: 'transcription', name: hearing.model.name },
      { service: 'speech', name: speaking.model.name },
      { service: 'vision', name: seeing.model.name },
      { service: 'image', name: painting.model.name },
    ]),
  })
  measured.observe(jobs, {
    [hearing.kind.name]: hearing.model,
    [speaking.kind.name]: speaking.model,
    [seeing.kind.name]: seeing.model,
    [painting.kind.name]: painting.model,
  })
  const recordings = new FiledRecordings({
    jobs,
    store,
    conversations,
    onBackgroundError: (doing, err) => logger.warn({ err }, `${doing} failed and is tried again`),
  })
  const transcription = createSpeechToTextService({ jobs, store, work: hearing, recordings, metrics })
  const speech = createTextToSpeechService({ jobs, store, work: speaking, maxMessageBytes, metrics })
  const vision = createVisionService({ jobs, store, work: seeing })
  const images = createImageGenerationService({ jobs, store, work: painting })
  // An endpoint is not called every few seconds to hear whether it is there.
  const checkJobs = async (): Promise<void> => {
    const { state, error } = jobs.health()
    if (state === 'failing') throw new HoldfastError('UNAVAILABLE', `Jobs cannot be looked for: ${error}`)
  }
  const artifacts = createArtifactService({ store, jobs, maxUploadBytes })
  return {
    services: [transcription.service, speech.service, vision.service, images.service, artifacts.service],
    jobs,
    health: Object.fromEntries(
      [
        { ...transcription, ...hearing },
        { ...speech, ...speaking },
        { ...vision, ...seeing },
        { ...images, ...painting },
      ].map((one) => [one.service.name, () => (one.model.provider === 'local' ? one.health() : checkJobs())]),
    ),
    async drain(waitMs) {
      await Promise.all([transcription.drain(waitMs), speech.drain(waitMs)])
    },
    async [Symbol.asyncDispose]() {
      await recordings.close()
      await jobs.close()
      await Promise.all([hearing, speaking, seeing, painting].map(({ model }) => model[Symbol.asyncDispose]()))
    },
  }
}
