import { Client, type ClientOptions, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import { dag, errorFromGrpc } from '@holdfast/protocol'
import { parseJsonText } from '@holdfast/server'
import type { Json } from '../graph/graph.js'
import { textOf } from '../graph/port-values.js'
import type { NodeExecutor } from './node-executor.js'

export interface CustomServices extends Disposable {
  readonly execute: NodeExecutor
}

const { runNode } = dag.NodeServiceService
const options: ClientOptions = { 'grpc.max_receive_message_length': 20 * 1024 * 1024 }

/** Calls services of the user's own, which serve holdfast.dag.v1.NodeService.
 *  @param addresses by the names that graphs know: `{ shop: '127.0.0.1:7000' }` */
export function customServices(addresses: { readonly [service: string]: string }): CustomServices {
  const clients = new Map<string, Client>()
  const clientOf = (service: string): Client => {
    const address = Object.hasOwn(addresses, service) ? addresses[service] : undefined
    if (address === undefined) {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `There is no service ${service}: name its address in the configuration`,
        { reason: 'SERVICE_NOT_CONFIGURED' },
      )
    }
    const client = clients.get(service) ?? new Client(address, credentials.createInsecure(), options)
    clients.set(service, client)
    return client
  }
  return {
    async execute({ key, run, node, attempt, input, signal, deadline }) {
      const request = dag.RunNodeRequest.fromPartial({
        key,
        executionId: run,
        node,
        attempt,
        inputJson: JSON.stringify(input['input'] ?? null),
      })
      const client = clientOf(textOf(input, 'service', ''))
      const { outputJson } = await new Promise<dag.RunNodeResponse>((resolve, reject) => {
        const call = client.makeUnaryRequest(
          runNode.path,
          runNode.requestSerialize,
          runNode.responseDeserialize,
          request,
          new Metadata(),
          deadline === undefined ? {} : { deadline },
          (error: ServiceError | null, response) => {
            signal.removeEventListener('abort', abort)
            if (error !== null) reject(failureOf(error))
            else if (response !== undefined) resolve(response)
          },
        )
        const abort = () => call.cancel()
        signal.addEventListener('abort', abort, { once: true })
      })
      return { output: outputJson === '' ? null : (parseJsonText(outputJson, 'output_json') as Json) }
    },
    [Symbol.dispose]() {
      for (const client of clients.values()) client.close()
    },
  }
}

function failureOf(error: ServiceError): HoldfastError {
  const failure = errorFromGrpc(error)
  // Whether it was done is not known; the key makes another attempt safe.
  return error.code === status.CANCELLED ? new HoldfastError('CANCELLED', failure.message, { cause: error }) : failure
}
