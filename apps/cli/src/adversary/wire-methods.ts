import { Duplex } from 'node:stream'
import { Client, type Metadata, type ServiceError } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import { errorFromGrpc, fileDescriptors } from '@holdfast/protocol'
import protobuf from 'protobufjs'
import 'protobufjs/ext/descriptor/index.js'

/** A method as proto/ has it, called without any code that was written for it. */
export interface WireMethod {
  /** `holdfast.chat.v1.ChatService/SendMessage`. */
  readonly name: string
  readonly service: string
  readonly request: protobuf.Type
  readonly response: protobuf.Type
  readonly requestStream: boolean
  readonly responseStream: boolean
}

export interface Answer {
  /** What came, at most some messages of a stream. */
  readonly messages: readonly Buffer[]
  /** `undefined`: it went well, or goes on. */
  readonly error?: HoldfastError
}

const streamMs = 150
const mostMessages = 20

/** All methods of proto/ that this project serves. */
export function wireMethods(): WireMethod[] {
  const files = fileDescriptors().map((bytes) => bytes.toString('base64'))
  const root = (protobuf.Root as unknown as { fromDescriptor(set: unknown): protobuf.Root }).fromDescriptor({
    file: files.map((file) => descriptorOf(Buffer.from(file, 'base64'))),
  })
  root.resolveAll()
  return servicesIn(root).flatMap((service) =>
    service.methodsArray.map((method) => {
      method.resolve()
      const { resolvedRequestType: request, resolvedResponseType: response } = method
      if (request === null || response === null) throw new Error(`${method.fullName} has no types`)
      const full = service.fullName.slice(1)
      const { requestStream = false, responseStream = false } = method
      return { name: `${full}/${method.name}`, service: full, request, response, requestStream, responseStream }
    }),
  )
}

function descriptorOf(bytes: Buffer): unknown {
  const types = protobuf as unknown as { descriptor: { FileDescriptorProto: protobuf.Type } }
  return types.descriptor.FileDescriptorProto.decode(bytes)
}

function servicesIn(namespace: protobuf.NamespaceBase): protobuf.Service[] {
  return namespace.nestedArray.flatMap((one) => {
    if (one instanceof protobuf.Service) return [one]
    return one instanceof protobuf.Namespace ? servicesIn(one) : []
  })
}

/** Calls a method. Streams of requests are one request; streams of responses are left when they have
 *  nothing more to say for a while. */
export function callWire(
  client: Client,
  method: WireMethod,
  request: object,
  metadata: Metadata,
  deadlineMs: number,
): Promise<Answer> {
  const path = `/${method.name}`
  const bytes = Buffer.from(method.request.encode(method.request.fromObject(request)).finish())
  const same = (value: Buffer): Buffer => value
  const options = { deadline: Date.now() + deadlineMs }
  const failed = (error: ServiceError): HoldfastError => errorFromGrpc(error)
  if (!method.responseStream) {
    return new Promise((resolve) => {
      const answered = (error: ServiceError | null, message?: Buffer): void =>
        resolve(
          error === null
            ? { messages: message === undefined ? [] : [message] }
            : { messages: [], error: failed(error) },
        )
      if (!method.requestStream) client.makeUnaryRequest(path, same, same, bytes, metadata, options, answered)
      else {
        const call = client.makeClientStreamRequest(path, same, same, metadata, options, answered)
        call.on('error', () => {})
        call.end(bytes)
      }
    })
  }
  return new Promise((resolve) => {
    const messages: Buffer[] = []
    const call = method.requestStream
      ? client.makeBidiStreamRequest(path, same, same, metadata, options)
      : client.makeServerStreamRequest(path, same, same, bytes, metadata, options)
    let timer: NodeJS.Timeout | undefined
    const leave = (): void => {
      call.cancel()
      resolve({ messages })
    }
    const wait = (): void => {
      clearTimeout(timer)
      timer = setTimeout(leave, streamMs)
    }
    call.on('data', (message: Buffer) => {
      messages.push(message)
      if (messages.length >= mostMessages) leave()
      else wait()
    })
    call.on('error', (error: ServiceError) => {
      clearTimeout(timer)
      resolve({ messages, error: failed(error) })
    })
    call.on('end', () => {
      clearTimeout(timer)
      resolve({ messages })
    })
    if (call instanceof Duplex) call.end(bytes)
  })
}
