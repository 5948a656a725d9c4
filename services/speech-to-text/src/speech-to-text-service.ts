import type { Jobs } from '@holdfast/jobs'
import type { TenantStore } from '@holdfast/persistence'
import type { GrpcService, Metrics } from '@holdfast/server'
import { setTimeout as delay } from 'node:timers/promises'
import type { FiledRecordings } from './filed-recordings.js'
import { speechToTextGrpcService } from './server.js'
import { SpeechToText } from './speech-to-text.js'
import type { TranscriptionWork } from './transcription-work.js'

export interface SpeechToTextServiceOptions {
  /** Opened with `work.kind` among its kinds. */
  readonly jobs: Jobs
  /** Where audio is put; that of the jobs. */
  readonly store: TenantStore
  readonly work: TranscriptionWork
  /** Where what is said in users' recordings is filed; default: nowhere, and no user can be named. */
  readonly recordings?: FiledRecordings
  /** Where streams are counted; default: nowhere. */
  readonly metrics?: Metrics
}

export interface SpeechToTextService {
  /** For `startGrpcServer({ services: [speech.service] })`. */
  readonly service: GrpcService
  readonly engine: SpeechToText
  /** Rejects when jobs cannot be looked for, or the model is not there. */
  health(): Promise<void>
  /** To be called when the server begins to stop, beside its `stop()`: waits `waitMs` (default 8,000) for streams that are being heard. Jobs are
   *  drained by `jobs.close()`. */
  drain(waitMs?: number): Promise<void>
}

/** The service on jobs, a store and a model; it owns none of them. */
export function createSpeechToTextService(options: SpeechToTextServiceOptions): SpeechToTextService {
  const { jobs, store, work, recordings, metrics } = options
  const engine = new SpeechToText(jobs, work, recordings)
  const { streams } = work
  metrics?.gauge(
    'holdfast_speech_to_text_streams_active',
    'Streams of audio that this process hears',
    () => streams.size,
  )
  return {
    service: speechToTextGrpcService(engine, store),
    engine,
    health: () => engine.health(),
    async drain(waitMs = 8_000) {
      for (const until = Date.now() + waitMs; streams.size > 0 && Date.now() < until;) await delay(20)
    },
  }
}
