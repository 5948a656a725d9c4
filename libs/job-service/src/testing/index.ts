import { type Clients, createClients } from '@holdfast/grpc-clients'
import { type JobKind, type Jobs, openJobs } from '@holdfast/jobs'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { createLogger, createMetrics, type GrpcService, type Metrics, startGrpcServer } from '@holdfast/server'

/** A service with all that it stands on, to be disposed. */
export interface ServiceForTests<Service> extends AsyncDisposable {
  readonly clients: Clients
  readonly jobs: Jobs
  readonly store: DocumentStore
  readonly metrics: Metrics
  readonly service: Service
}

interface Opened {
  readonly service: GrpcService
  drain(waitMs?: number): Promise<void>
}

/** For tests of services: one as it runs, with its model, over a store in memory, on a free port, and clients.
 *  @param model is disposed of with the rest */
export async function startServiceForTests<Service extends Opened>(
  kind: JobKind,
  model: AsyncDisposable,
  create: (given: { readonly jobs: Jobs; readonly store: DocumentStore; readonly metrics: Metrics }) => Service,
): Promise<ServiceForTests<Service>> {
  const store = await openDocumentStore('memory:')
  const jobs = await openJobs(store, { kinds: [kind] })
  const metrics = createMetrics()
  const service = create({ jobs, store, metrics })
  const server = await startGrpcServer({
    services: [service.service],
    listen: '127.0.0.1:0',
    auth: 'none',
    logger: createLogger({ level: 'fatal' }),
    drainMs: 1_000,
  })
  const clients = createClients({ address: server.address })
  return {
    clients,
    jobs,
    store,
    metrics,
    service,
    async [Symbol.asyncDispose]() {
      clients.close()
      await Promise.all([server.stop(), service.drain(0)])
      await jobs.close()
      await store.close()
      await model[Symbol.asyncDispose]()
    },
  }
}
