import { type Clients, createClients } from '@holdfast/grpc-clients'
import { type Jobs, openJobs } from '@holdfast/jobs'
import { type LocalVisionModel, localVisionModel } from '@holdfast/models'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { createLogger, startGrpcServer } from '@holdfast/server'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createVisionService, type VisionService } from './vision-service.js'
import { visionWork } from './vision-work.js'

export interface VisionForTests extends AsyncDisposable {
  readonly clients: Clients
  readonly model: LocalVisionModel
  readonly jobs: Jobs
  readonly store: DocumentStore
  readonly vision: VisionService
}

/** The service as it runs, with the real model, on a free port, and a client. */
export async function startVision(): Promise<VisionForTests> {
  const model = localVisionModel()
  const store = await openDocumentStore('memory:')
  const work = visionWork({ model })
  const jobs = await openJobs(store, { kinds: [work.kind] })
  const vision = createVisionService({ jobs, store, work })
  const logger = createLogger({ level: 'fatal' })
  const server = await startGrpcServer({
    services: [vision.service],
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
    vision,
    async [Symbol.asyncDispose]() {
      clients.close()
      await server.stop()
      await jobs.close()
      await store.close()
      await model[Symbol.asyncDispose]()
    },
  }
}

/** Its source is beside it. */
export function testPicture(name: 'astronaut.jpg' | 'cat.jpg' | 'coffee.jpg' | 'page.png'): Promise<Buffer> {
  const folder = join(import.meta.dirname, '..', '..', '..', 'libs', 'models', 'test-pictures')
  return readFile(join(folder, name))
}
