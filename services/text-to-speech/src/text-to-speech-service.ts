import type { Jobs } from '@holdfast/jobs'
import type { DocumentStore } from '@holdfast/persistence'
import type { GrpcService, Metrics } from '@holdfast/server'
import { setTimeout as delay } from 'node:timers/promises'
import { textToSpeechGrpcService } from './server.js'
import type { SpeechWork } from './speech-work.js'
import { TextToSpeech } from './text-to-speech.js'

export interface TextToSpeechServiceOptions {
  /** Opened with `work.kind` among its kinds. */
  readonly jobs: Jobs
  /** That of the jobs. */
  readonly store: DocumentStore
  readonly work: SpeechWork
  /** Whose speeches; default: the store's own tenant. `jobs` has to be of the same. */
  readonly tenant?: string
  /** Of the server: larger audio is refused as an answer; default 20 MiB. */
  readonly maxMessageBytes?: number
  /** Where running speeches are counted; default: nowhere. */
  readonly metrics?: Metrics
}

export interface TextToSpeechService {
  /** For `startGrpcServer({ services: [speech.service] })`. */
  readonly service: GrpcService
  readonly engine: TextToSpeech
  /** Rejects when jobs cannot be looked for, or the model is not there. */
  health(): Promise<void>
  /** To be called when the server begins to stop, beside its `stop()`: waits `waitMs` (default 8,000) for what is being spoken. */
  drain(waitMs?: number): Promise<void>
}

/** The service on jobs, a store and a model; it owns none of them. */
export function createTextToSpeechService(options: TextToSpeechServiceOptions): TextToSpeechService {
  const { jobs, store, work, tenant, metrics, maxMessageBytes = 20 * 1024 * 1024 } = options
  const engine = new TextToSpeech(jobs, store, work, tenant)
  const { live } = work
  metrics?.gauge('holdfast_text_to_speech_active', 'Speeches that this process is making', () => live.size)
  return {
    service: textToSpeechGrpcService(engine, tenant === undefined ? store : store.tenant(tenant), maxMessageBytes),
    engine,
    health: () => engine.health(),
    async drain(waitMs = 8_000) {
      for (const until = Date.now() + waitMs; live.size > 0 && Date.now() < until;) await delay(20)
    },
  }
}
