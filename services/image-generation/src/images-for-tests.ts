import { type Clients, createClients } from '@holdfast/grpc-clients'
import { type Jobs, openJobs } from '@holdfast/jobs'
import { type ImageModel, proceduralImageModel } from '@holdfast/models'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { createLogger, startGrpcServer } from '@holdfast/server'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createImageGenerationService, type ImageGenerationService } from './image-generation-service.js'
import { imageWork } from './image-work.js'

export interface ImagesForTests extends AsyncDisposable {
  readonly clients: Clients
  readonly jobs: Jobs
  readonly store: DocumentStore
  readonly images: ImageGenerationService
}

/** The service as it runs, with the real model, on a free port, and a client. */
export async function startImages(model: ImageModel = proceduralImageModel()): Promise<ImagesForTests> {
  const store = await openDocumentStore('memory:')
  const work = imageWork({ model })
  const jobs = await openJobs(store, { kinds: [work.kind] })
  const images = createImageGenerationService({ jobs, store, work })
  const logger = createLogger({ level: 'fatal' })
  const server = await startGrpcServer({
    services: [images.service],
    listen: '127.0.0.1:0',
    auth: 'none',
    logger,
    drainMs: 1_000,
  })
  const clients = createClients({ address: server.address })
  return {
    clients,
    jobs,
    store,
    images,
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
export function testPicture(name: 'cat.jpg' | 'coffee.jpg'): Promise<Buffer> {
  return readFile(join(import.meta.dirname, '..', '..', '..', 'libs', 'models', 'test-pictures', name))
}
