import {
  type ChannelCredentials,
  Client,
  type ClientOptions,
  Metadata,
  type ServiceError,
  credentials,
  status,
} from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import { dag, errorFromGrpc } from '@holdfast/protocol'
import { parseJsonText } from '@holdfast/server'
import type { Json } from '../graph/graph.js'
import { textOf } from '../graph/port-values.js'
import type { NodeCall, NodeExecutor } from './node-executor.js'

export interface CustomServices extends Disposable {
  readonly execute: NodeExecutor
}

/** Where a service is, and what it was found to serve. */
interface Target {
  readonly client: Client
  tellsProgress: boolean
}

const { runNode, watchNode } = dag.NodeServiceService
const options: ClientOptions = { 'grpc.max_receive_message_length': 20 * 1024 * 1024 }
const tlsPrefix = 'tls://'

/** Calls services of the user's own, which serve holdfast.dag.v1.NodeService.
 *  @param addresses by the names that graphs know: `{ shop: '127.0.0.1:7000', bank: 'tls://bank.example.org:443' }`
 *  @param tls.ca PEM of whoever vouches for those that are called by TLS; default: those that Node.js knows */
export function customServices(
  addresses: { readonly [service: string]: string },
  { ca }: { readonly ca?: Buffer } = {},
): CustomServices {
  const targets = new Map<string, Target>()
  const targetOf = (service: string): Target => {
    const address = Object.hasOwn(addresses, service) ? addresses[service] : undefined
    if (address === undefined) {
      throw new HoldfastError(
        'FAILED_PRECONDITION',
        `There is no service ${service}: name its address in the configuration`,
        { reason: 'SERVICE_NOT_CONFIGURED' },
      )
    }
    const isSafe = address.startsWith(tlsPrefix)
    const safety: ChannelCredentials = isSafe ? credentials.createSsl(ca) : credentials.createInsecure()
    const target = targets.get(service) ?? {
      client: new Client(isSafe ? address.slice(tlsPrefix.length) : address, safety, options),
      tellsProgress: true,
    }
    targets.set(service, target)
    return target
  }
  return {
    async execute(call) {
      const { key, run, node, attempt, input } = call
      const request = dag.RunNodeRequest.fromPartial({
        key,
        executionId: run,
        node,
        attempt,
        inputJson: JSON.stringify(input['input'] ?? null),
      })
      const target = targetOf(textOf(input, 'service', ''))
      const outputJson = await outputOf(target, request, call)
      return { output: outputJson === '' ? null : (parseJsonText(outputJson, 'output_json') as Json) }
    },
    [Symbol.dispose]() {
      for (const { client } of targets.values()) client.close()
    },
  }
}

async function outputOf(target: Target, request: dag.RunNodeRequest, call: NodeCall): Promise<string> {
  if (target.tellsProgress) {
    try {
      return await watched(target.client, request, call)
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'UNIMPLEMENTED') throw error
      target.tellsProgress = false
    }
  }
  return answered(target.client, request, call)
}

function watched(client: Client, node: dag.RunNodeRequest, call: NodeCall): Promise<string> {
  const { signal, deadline } = call
  return new Promise((resolve, reject) => {
    const stream = client.makeServerStreamRequest(
      watchNode.path,
      watchNode.requestSerialize,
      watchNode.responseDeserialize,
      { node },
      new Metadata(),
      deadline === undefined ? {} : { deadline },
    )
    const abort = () => stream.cancel()
    const end = (act: () => void) => {
      signal.removeEventListener('abort', abort)
      act()
    }
    signal.addEventListener('abort', abort, { once: true })
    let output: string | undefined
    stream.on('data', ({ event }: dag.WatchNodeResponse) => {
      if (event?.$case === 'outputJson') output = event.value
      else if (event?.$case === 'progressJson') {
        try {
          call.report(parseJsonText(event.value, 'progress_json') as Json)
        } catch (error) {
          stream.cancel()
          end(() => reject(error))
        }
      }
    })
    stream.on('error', (error: ServiceError) => end(() => reject(failureOf(error))))
    stream.on('end', () => {
      end(() => {
        if (output !== undefined) resolve(output)
        else reject(new HoldfastError('INTERNAL', 'The service ended without an output'))
      })
    })
  })
}

function answered(client: Client, request: dag.RunNodeRequest, { signal, deadline }: NodeCall): Promise<string> {
  return new Promise((resolve, reject) => {
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
        else if (response !== undefined) resolve(response.outputJson)
      },
    )
    const abort = () => call.cancel()
    signal.addEventListener('abort', abort, { once: true })
  })
}

function failureOf(error: ServiceError): HoldfastError {
  const failure = errorFromGrpc(error)
  // Whether it was done is not known; the key makes another attempt safe.
  return error.code === status.CANCELLED ? new HoldfastError('CANCELLED', failure.message, { cause: error }) : failure
}
