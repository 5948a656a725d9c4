import { type Clients, createClients } from '@holdfast/grpc-clients'
import { type Jobs, openJobs } from '@holdfast/jobs'
import { type FliteModel, fliteModel } from '@holdfast/models'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { createLogger, createMetrics, type Metrics, startGrpcServer } from '@holdfast/server'
import { speechWork, type SpeechWorkOptions } from './speech-work.js'
import { createTextToSpeechService, type TextToSpeechService } from './text-to-speech-service.js'

export interface SpeechForTests extends AsyncDisposable {
  readonly clients: Clients
  readonly model: FliteModel
  readonly jobs: Jobs
  readonly store: DocumentStore
  readonly speech: TextToSpeechService
  readonly metrics: Metrics
}

/** The service as it runs, with the real model, on a free port, and a client. */
export async function startSpeech(options: Partial<SpeechWorkOptions> = {}): Promise<SpeechForTests> {
  const model = fliteModel()
  const store = await openDocumentStore('memory:')
  const work = speechWork({ model, ...options })
  const jobs = await openJobs(store, { kinds: [work.kind] })
  const metrics = createMetrics()
  const speech = createTextToSpeechService({ jobs, store, work, metrics, maxMessageBytes: 1024 * 1024 })
  const logger = createLogger({ level: 'fatal' })
  const server = await startGrpcServer({
    services: [speech.service],
    listen: '127.0.0.1:0',
    auth: 'none',
    logger,
    drainMs: 1_000,
  })
  const clients = createClients({ address: server.address })
  return {
    clients,
    model,
    jobs,
    store,
    speech,
    metrics,
    async [Symbol.asyncDispose]() {
      clients.close()
      await Promise.all([server.stop(), speech.drain(0)])
      await jobs.close()
      await store.close()
      await model[Symbol.asyncDispose]()
    },
  }
}
