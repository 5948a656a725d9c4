import { Server, ServerCredentials, type ServiceError, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { HoldfastError } from '@holdfast/errors'
import { type ChatServiceServer, ChatServiceService, grpcStatusObject } from '@holdfast/protocol'

/** A real grpc-js server on loopback whose methods a test writes. */
export interface ChatServerForTests extends AsyncDisposable {
  readonly address: string
  readonly port: number
}

export async function startChatServer(
  methods: Partial<ChatServiceServer>,
  options: { readonly port?: number; readonly credentials?: ServerCredentials } = {},
): Promise<ChatServerForTests> {
  const server = new Server()
  // Methods that the test left out answer UNIMPLEMENTED, as grpc-js does for any that are absent.
  server.addService(ChatServiceService, methods as UntypedServiceImplementation)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `127.0.0.1:${options.port ?? 0}`,
      options.credentials ?? ServerCredentials.createInsecure(),
      (error, bound) => (error === null ? resolve(bound) : reject(error)),
    )
  })
  return {
    address: `127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      server.forceShutdown()
    },
  }
}

/** As our servers answer. */
export function serviceError(error: HoldfastError): Partial<ServiceError> {
  return grpcStatusObject(error)
}
