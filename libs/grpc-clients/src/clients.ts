import { type ChatClient, createChatClient } from './chat-client.js'
import { Connection } from './connection.js'
import { type AddressHealth, checkHealth } from './health.js'
import type { CallOptions, ClientsOptions } from './options.js'

export interface Clients extends AsyncDisposable {
  readonly chat: ChatClient
  /** Asks grpc.health.v1 at every address; never throws. Default deadline 5,000 ms. */
  health(options?: CallOptions): Promise<readonly AddressHealth[]>
  /** Ends all calls with CANCELLED and closes the connections. Idempotent. */
  close(): void
}

/** Typed clients of the services at one or more addresses. Connects with the first call.
 *  @throws INVALID_ARGUMENT about an option */
export function createClients(options: ClientsOptions): Clients {
  const connection = new Connection(options)
  return {
    chat: createChatClient(connection),
    health: (call = {}) => checkHealth(connection, call),
    close: () => connection.close(),
    [Symbol.asyncDispose]: async () => connection.close(),
  }
}
