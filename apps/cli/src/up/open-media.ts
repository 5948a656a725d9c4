import { createArtifactService } from '@holdfast/artifacts'
import { HoldfastError } from '@holdfast/errors'
import { createImageGenerationService, imageWork } from '@holdfast/image-generation'
import { jobMetrics, type UsedModel } from '@holdfast/job-service'
import { type Jobs, jobsOfTenant, openJobs } from '@holdfast/jobs'
import {
  imageModelFromConfig,
  speechModelFromConfig,
  transcriptionModelFromConfig,
  visionModelFromConfig,
} from '@holdfast/models'
import type { DocumentStore } from '@holdfast/persistence'
import { artifacts, imageGeneration, speechToText, textToSpeech, vision } from '@holdfast/protocol'
import { type Config, type GrpcService, type Logger, type Metrics, TenantPool, serviceByTenant } from '@holdfast/server'
import { createSpeechToTextService, FiledRecordings, transcriptionWork } from '@holdfast/speech-to-text'
import { createTextToSpeechService, speechWork } from '@holdfast/text-to-speech'
import { createVisionService, visionWork } from '@holdfast/vision-ai'
import { modelConfigOf, pricesOf } from '../service-models.js'
import type { ConversationLease } from './open-chat.js'
import { localTenant } from './tenants.js'
import { isServed } from './served.js'

const dayMs = 24 * 3_600_000
const minuteMs = 60_000

export interface OpenedMedia extends AsyncDisposable {
  readonly services: readonly GrpcService[]
  readonly jobs: Jobs
  /** By the names of services: whether jobs can be looked for, and whether a local model can work. */
  readonly health: Readonly<Record<string, () => Promise<void>>>
  /** Those of the services that this process serves. */
  readonly models: readonly UsedModel[]
  /** Waits for streams that are under way; to be called beside the server's `stop`. Jobs are drained when this is disposed. */
  drain(waitMs: number): Promise<void>
}

interface MediaServices extends AsyncDisposable {
  readonly transcription: GrpcService
  readonly speech: GrpcService
  readonly vision: GrpcService
  readonly images: GrpcService
  readonly artifacts: GrpcService
  readonly health: OpenedMedia['health']
  drain(waitMs: number): Promise<void>
}

export interface MediaParts {
  readonly store: DocumentStore
  readonly config: Config
  readonly metrics: Metrics
  readonly logger: Logger
  /** Among which recordings are filed. */
  readonly conversations: (tenant: string) => Promise<ConversationLease>
}

/** The services of media for each tenant, over the same jobs. Their models load with the first call.
 *  @throws INVALID_ARGUMENT if a model is configured by half, or wrong */
export async function openMedia({ store, config, metrics, logger, conversations }: MediaParts): Promise<OpenedMedia> {
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
  const works = [hearing, speaking, seeing, painting]
  const served = [
    ...(isServed(config, 'speech-to-text') ? [hearing] : []),
    ...(isServed(config, 'text-to-speech') ? [speaking] : []),
    ...(isServed(config, 'vision') ? [seeing] : []),
    ...(isServed(config, 'image-generation') ? [painting] : []),
  ]
  const jobs = await openJobs(store, {
    onEnd: measured.onEnd,
    kinds: served.map(({ kind }) => kind),
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
  measured.observe(jobs, Object.fromEntries(works.map(({ kind, model }) => [kind.name, model])))
  // An endpoint is not called every few seconds to hear whether it is there.
  const checkJobs = async (): Promise<void> => {
    const { state, error } = jobs.health()
    if (state === 'failing') throw new HoldfastError('UNAVAILABLE', `Jobs cannot be looked for: ${error}`)
  }
  const open = async (tenant: string): Promise<MediaServices> => {
    const lease = await conversations(tenant)
    const scope = tenant === localTenant ? store : store.tenant(tenant)
    const ofTenant = tenant === localTenant ? jobs : jobsOfTenant(jobs, tenant)
    const whose = tenant === localTenant ? {} : { tenant }
    const parts = { jobs: ofTenant, store: scope }
    const recordings = new FiledRecordings({
      jobs: ofTenant,
      store,
      ...whose,
      conversations: lease.conversations,
      onBackgroundError: (doing, err) => logger.warn({ err, tenant }, `${doing} failed and is tried again`),
    })
    const transcription = createSpeechToTextService({ ...parts, work: hearing, recordings, metrics })
    const speech = createTextToSpeechService({
      jobs: ofTenant,
      store,
      work: speaking,
      maxMessageBytes,
      metrics,
      ...whose,
    })
    const vision = createVisionService({ ...parts, work: seeing })
    const images = createImageGenerationService({ ...parts, work: painting })
    const services = {
      transcription: transcription.service,
      speech: speech.service,
      vision: vision.service,
      images: images.service,
      artifacts: createArtifactService({ jobs: ofTenant, store, maxUploadBytes, ...whose }).service,
    }
    return {
      ...services,
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
        lease[Symbol.dispose]()
      },
    }
  }
  const pool = new TenantPool<MediaServices>({ open })
  const local = await pool.keep(localTenant)
  return {
    services: [
      serviceByTenant(speechToText.SpeechToTextServiceService, pool, (parts) => parts.transcription),
      serviceByTenant(textToSpeech.TextToSpeechServiceService, pool, (parts) => parts.speech),
      serviceByTenant(vision.VisionServiceService, pool, (parts) => parts.vision),
      serviceByTenant(imageGeneration.ImageGenerationServiceService, pool, (parts) => parts.images),
      serviceByTenant(artifacts.ArtifactServiceService, pool, (parts) => parts.artifacts),
    ],
    jobs,
    health: local.health,
    models: served.map(({ kind, model }) => ({ service: kind.name, model })),
    // What is being heard and spoken is counted for the process, whoever asked for it.
    drain: (waitMs) => local.drain(waitMs),
    async [Symbol.asyncDispose]() {
      await pool[Symbol.asyncDispose]()
      await jobs.close()
      await Promise.all(works.map(({ model }) => model[Symbol.asyncDispose]()))
    },
  }
}
