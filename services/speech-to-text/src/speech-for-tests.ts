import { type Clients, createClients } from '@holdfast/grpc-clients'
import { type Jobs, openJobs } from '@holdfast/jobs'
import { type MoonshineModel, moonshineModel } from '@holdfast/models'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { createLogger, createMetrics, type Metrics, startGrpcServer } from '@holdfast/server'
import { createSpeechToTextService, type SpeechToTextService } from './speech-to-text-service.js'
import { transcriptionWork } from './transcription-work.js'

export interface SpeechForTests extends AsyncDisposable {
  readonly clients: Clients
  readonly model: MoonshineModel
  readonly jobs: Jobs
  readonly store: DocumentStore
  readonly speech: SpeechToTextService
  readonly metrics: Metrics
}

/** The service as it runs, with the real model, on a free port, and a client. */
export async function startSpeech(): Promise<SpeechForTests> {
  const model = moonshineModel()
  const store = await openDocumentStore('memory:')
  const work = transcriptionWork({ model })
  const jobs = await openJobs(store, { kinds: [work.kind] })
  const metrics = createMetrics()
  const speech = createSpeechToTextService({ jobs, store, work, metrics })
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
