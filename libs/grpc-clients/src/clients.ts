import { type AccessClient, createAccessClient } from './access-client.js'
import { type ArtifactClient, createArtifactClient } from './artifact-client.js'
import { type ChatClient, createChatClient } from './chat-client.js'
import { Connection } from './connection.js'
import { type DagClient, createDagClient } from './dag-client.js'
import { type AddressHealth, checkHealth } from './health.js'
import { type ImageGenerationClient, createImageGenerationClient } from './image-generation-client.js'
import { type ModelClient, createModelClient } from './model-client.js'
import type { CallOptions, ClientsOptions, TokenSource } from './options.js'
import { type ServiceName, serviceAddresses } from './service-addresses.js'
import { type SpeechToTextClient, createSpeechToTextClient } from './speech-to-text-client.js'
import { type TextToSpeechClient, createTextToSpeechClient } from './text-to-speech-client.js'
import { type VisionClient, createVisionClient } from './vision-client.js'

export interface Clients extends AsyncDisposable {
  readonly access: AccessClient
  readonly chat: ChatClient
  readonly artifacts: ArtifactClient
  readonly speechToText: SpeechToTextClient
  readonly textToSpeech: TextToSpeechClient
  readonly vision: VisionClient
  readonly imageGeneration: ImageGenerationClient
  readonly dag: DagClient
  readonly models: ModelClient
  /** Asks grpc.health.v1 at every address; never throws. Default deadline 5,000 ms. */
  health(options?: CallOptions): Promise<readonly AddressHealth[]>
  /** The same services over the same connections, with another credential. To be closed before these clients, which own the connections. */
  withToken(token: TokenSource): Clients
  /** Ends all calls with CANCELLED and closes the connections. Idempotent. */
  close(): void
}

/** Typed clients of the services at one or more addresses. Connects with the first call.
 *  @throws INVALID_ARGUMENT about an option */
export function createClients(options: ClientsOptions): Clients {
  const connections = new Map<string, Connection>()
  const addresses = serviceAddresses(options.address)
  const to = (service: ServiceName): Connection => {
    const address = addresses.get(service) ?? []
    const key = address.join(',')
    const connection = connections.get(key) ?? new Connection({ ...options, address })
    connections.set(key, connection)
    return connection
  }
  return clientsOn(to, () => [...connections.values()])
}

function clientsOn(to: (service: ServiceName) => Connection, all: () => readonly Connection[]): Clients {
  const close = (): void => {
    for (const connection of all()) connection.close()
  }
  return {
    access: createAccessClient(to('access')),
    chat: createChatClient(to('chat')),
    artifacts: createArtifactClient(to('artifacts')),
    speechToText: createSpeechToTextClient(to('speech-to-text')),
    textToSpeech: createTextToSpeechClient(to('text-to-speech')),
    vision: createVisionClient(to('vision')),
    imageGeneration: createImageGenerationClient(to('image-generation')),
    dag: createDagClient(to('dag')),
    models: createModelClient(to('models')),
    withToken(token) {
      const others = new Map<Connection, Connection>()
      const other = (service: ServiceName): Connection => {
        const connection = to(service)
        const made = others.get(connection) ?? connection.withToken(token)
        others.set(connection, made)
        return made
      }
      return clientsOn(other, () => [...others.values()])
    },
    health: async (call = {}) => (await Promise.all(all().map((connection) => checkHealth(connection, call)))).flat(),
    close,
    [Symbol.asyncDispose]: async () => close(),
  }
}
