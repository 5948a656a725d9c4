import { once } from 'node:events'
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
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
  readonly join: MethodDefinition<string, string> & { readonly requestStream: true; readonly responseStream: false }
  readonly talk: MethodDefinition<string, string> & { readonly requestStream: true; readonly responseStream: true }
} = {
  echo: { path: '/holdfast.test.v1.Echo/Echo', requestStream: false, responseStream: false, ...serialization },
  repeat: { path: '/holdfast.test.v1.Echo/Repeat', requestStream: false, responseStream: true, ...serialization },
  join: { path: '/holdfast.test.v1.Echo/Join', requestStream: true, responseStream: false, ...serialization },
  talk: { path: '/holdfast.test.v1.Echo/Talk', requestStream: true, responseStream: true, ...serialization },
}

export type Echo = Implementation<typeof echoDefinition>

export const echo: Echo = {
  echo: (text) => Promise.resolve(text),
  async *repeat(text) {
    yield text
  },
  async join(texts) {
    let joined = ''
    for await (const text of texts) joined += text
    return joined
  },
  async *talk(texts) {
    yield* texts
  },
}

export const silent: Logger = pino({ level: 'silent' })

export function startEcho(
  implementation: Partial<Echo>,
  options: Partial<GrpcServerOptions> = {},
): Promise<GrpcServer> {
  const service = defineService(echoDefinition, { ...echo, ...implementation })
  return startGrpcServer({ services: [service], listen: '127.0.0.1:0', auth: 'none', logger: silent, ...options })
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

  /** The stream to write to, and what comes of it. */
  join(options: Partial<CallOptions> = {}): { call: ClientWritableStream<string>; answer: Promise<string> } {
    let call: ClientWritableStream<string> | undefined
    const { path } = echoDefinition.join
    const answer = new Promise<string>((resolve, reject) => {
      call = this.client.makeClientStreamRequest(
        path,
        write,
        read,
        new Metadata(),
        options,
        (error: ServiceError | null, response?: string) => (error ? reject(error) : resolve(response ?? '')),
      )
    })
    if (!call) throw new Error('no call')
    // What is written after the server has answered goes nowhere, which grpc-js reports as an error of the stream.
    call.on('error', () => {})
    return { call, answer }
  }

  talk(options: Partial<CallOptions> = {}): ClientDuplexStream<string, string> {
    return this.client.makeBidiStreamRequest(echoDefinition.talk.path, write, read, new Metadata(), options)
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
