import { readFile } from 'node:fs/promises'
import {
  type DagService,
  createDagService,
  customServices,
  httpExecutor,
  serviceExecutors,
} from '@holdfast/dag-execution'
import type { Clients } from '@holdfast/grpc-clients'
import type { DocumentStore } from '@holdfast/persistence'
import type { Config, Logger, Metrics } from '@holdfast/server'

export interface OpenedDag extends AsyncDisposable {
  readonly dag: DagService
  /** Says where the services are that nodes call, as each tenant sees them; until then, nodes of theirs wait. */
  readonly connect: (clientsOf: (tenant: string) => Clients) => void
}

/** Runs graphs of all tenants in this process, over the services that it serves. */
export async function openDag(
  store: DocumentStore,
  { dag: config }: Config,
  logger: Logger,
  metrics: Metrics,
): Promise<OpenedDag> {
  // The clients need the server, and the server serves what has the executors.
  let connect: (clientsOf: (tenant: string) => Clients) => void = () => {}
  const connected = new Promise<(tenant: string) => Clients>((resolve) => {
    connect = resolve
  })
  const ca = config.servicesCa === undefined ? {} : { ca: await readFile(config.servicesCa) }
  const custom = customServices(config.services, ca)
  const { maxRuns, maxRunsOf } = config
  const dag = await createDagService({
    store,
    executors: {
      ...serviceExecutors(async (tenant) => (await connected)(tenant)),
      http: httpExecutor({ hosts: config.httpHosts }),
      custom: custom.execute,
    },
    metrics,
    maxRunsOf: (tenant) => maxRunsOf[tenant] ?? maxRuns,
    warn: (message, facts) => logger.warn(facts, message),
  })
  return {
    dag,
    connect,
    async [Symbol.asyncDispose]() {
      await dag.close()
      custom[Symbol.dispose]()
    },
  }
}
