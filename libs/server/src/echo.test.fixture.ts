import { once } from 'node:events'
import {
  type CallOptions,
  Client,
  type ClientReadableStream,
  type ClientUnaryCall,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  credentials,
  makeGenericClientConstructor,
} from '@grpc/grpc-js'
import { pino } from 'pino'
import type { GrpcServer, GrpcServerOptions } from './grpc-server.js'
import { startGrpcServer } from './grpc-server.js'
import type { Logger } from './logs.js'
import { type Implementation, defineService } from './service.js'

const write = (text: string): Buffer => Buffer.from(text)
const read = (bytes: Buffer): string => {
  const text = bytes.toString()
  if (text === 'undecodable') throw new Error('the bytes make no sense')
  return text
}
const serialization = {
  requestSerialize: write,
  requestDeserialize: read,
  responseSerialize: write,
  responseDeserialize: read,
}

/** A service of the least size: texts in, texts out. */
export const echoDefinition: {
  readonly echo: MethodDefinition<string, string> & { readonly responseStream: false }
  readonly repeat: MethodDefinition<string, string> & { readonly responseStream: true }
} = {
  echo: { path: '/holdfast.test.v1.Echo/Echo', requestStream: false, responseStream: false, ...serialization },
  repeat: { path: '/holdfast.test.v1.Echo/Repeat', requestStream: false, responseStream: true, ...serialization },
}

export type Echo = Implementation<typeof echoDefinition>

export const echo: Echo = {
  echo: (text) => Promise.resolve(text),
  async *repeat(text) {
    yield text
  },
}

export const silent: Logger = pino({ level: 'silent' })

export function startEcho(
  implementation: Partial<Echo>,
  options: Partial<GrpcServerOptions> = {},
): Promise<GrpcServer> {
  const service = defineService(echoDefinition, { ...echo, ...implementation })
  return startGrpcServer({ services: [service], listen: '127.0.0.1:0', logger: silent, ...options })
}

const EchoStub = makeGenericClientConstructor(echoDefinition, 'holdfast.test.v1.Echo')

/** Calls the echo service as any gRPC client would. */
export class EchoClient implements Disposable {
  readonly client: Client

  constructor(address: string) {
    this.client = new EchoStub(address, credentials.createInsecure())
  }

  echo(text: string, options: Partial<CallOptions> = {}, begun?: (call: ClientUnaryCall) => void): Promise<string> {
    return new Promise((resolve, reject) => {
      const { path } = echoDefinition.echo
      const answered = (error: ServiceError | null, response?: string): void =>
        error ? reject(error) : resolve(response ?? '')
      const call = this.client.makeUnaryRequest(path, write, read, text, new Metadata(), options, answered)
      begun?.(call)
    })
  }

  repeat(text: string, options: Partial<CallOptions> = {}): ClientReadableStream<string> {
    return this.client.makeServerStreamRequest(echoDefinition.repeat.path, write, read, text, new Metadata(), options)
  }

  [Symbol.dispose](): void {
    this.client.close()
  }
}

/** What a stream brought, and the error that it ended with. */
export async function all(stream: ClientReadableStream<string>): Promise<{ texts: string[]; error?: ServiceError }> {
  const texts: string[] = []
  stream.on('data', (text: string) => texts.push(text))
  try {
    await once(stream, 'end')
    return { texts }
  } catch (error) {
    return { texts, error: error as ServiceError }
  }
}
