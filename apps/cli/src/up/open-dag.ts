import {
  type DagService,
  type NodeExecutors,
  createDagService,
  customServices,
  httpExecutor,
  serviceExecutors,
} from '@holdfast/dag-execution'
import { type Clients, createClients } from '@holdfast/grpc-clients'
import type { DocumentStore } from '@holdfast/persistence'
import type { Config, Logger } from '@holdfast/server'

export interface OpenedDag extends AsyncDisposable {
  readonly dag: DagService
  /** Where the services listen that nodes call; until it is said, nodes of theirs wait. */
  readonly connect: (address: string) => void
}

/** Runs graphs in this process, over the services that it serves. */
export async function openDag(store: DocumentStore, { dag: config }: Config, logger: Logger): Promise<OpenedDag> {
  let resolve: (clients: Clients) => void = () => {}
  const promise = new Promise<Clients>((done) => {
    resolve = done
  })
  const custom = customServices(config.services)
  const dag = await createDagService({
    store,
    executors: {
      ...overClients(promise),
      http: httpExecutor({ hosts: config.httpHosts }),
      custom: custom.execute,
    },
    warn: (message, facts) => logger.warn(facts, message),
  })
  let clients: Clients | undefined
  return {
    dag,
    connect(address) {
      clients = createClients({ address })
      resolve(clients)
    },
    async [Symbol.asyncDispose]() {
      await dag.close()
      clients?.close()
      custom[Symbol.dispose]()
    },
  }
}

/** The clients need the server, and the server serves what has the executors. */
function overClients(clients: Promise<Clients>): NodeExecutors {
  const types = ['speech-to-text', 'text-to-speech', 'chat', 'vision', 'image-generation'] as const
  let executors: NodeExecutors | undefined
  return Object.fromEntries(
    types.map((type) => [
      type,
      async (call: Parameters<NonNullable<NodeExecutors['chat']>>[0]) => {
        executors ??= serviceExecutors(await clients)
        const execute = executors[type]
        if (execute === undefined) throw new Error(`There is no executor of ${type}`)
        return execute(call)
      },
    ]),
  )
}
