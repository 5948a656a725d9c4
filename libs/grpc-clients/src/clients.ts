import { type ArtifactClient, createArtifactClient } from './artifact-client.js'
import { type ChatClient, createChatClient } from './chat-client.js'
import { Connection } from './connection.js'
import { type DagClient, createDagClient } from './dag-client.js'
import { type AddressHealth, checkHealth } from './health.js'
import { type ImageGenerationClient, createImageGenerationClient } from './image-generation-client.js'
import type { CallOptions, ClientsOptions } from './options.js'
import { type ServiceName, serviceAddresses } from './service-addresses.js'
import { type SpeechToTextClient, createSpeechToTextClient } from './speech-to-text-client.js'
import { type TextToSpeechClient, createTextToSpeechClient } from './text-to-speech-client.js'
import { type VisionClient, createVisionClient } from './vision-client.js'

export interface Clients extends AsyncDisposable {
  readonly chat: ChatClient
  readonly artifacts: ArtifactClient
  readonly speechToText: SpeechToTextClient
  readonly textToSpeech: TextToSpeechClient
  readonly vision: VisionClient
  readonly imageGeneration: ImageGenerationClient
  readonly dag: DagClient
  /** Asks grpc.health.v1 at every address; never throws. Default deadline 5,000 ms. */
  health(options?: CallOptions): Promise<readonly AddressHealth[]>
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
  const close = (): void => {
    for (const connection of connections.values()) connection.close()
  }
  return {
    chat: createChatClient(to('chat')),
    artifacts: createArtifactClient(to('artifacts')),
    speechToText: createSpeechToTextClient(to('speech-to-text')),
    textToSpeech: createTextToSpeechClient(to('text-to-speech')),
    vision: createVisionClient(to('vision')),
    imageGeneration: createImageGenerationClient(to('image-generation')),
    dag: createDagClient(to('dag')),
    health: async (call = {}) =>
      (await Promise.all([...connections.values()].map((connection) => checkHealth(connection, call)))).flat(),
    close,
    [Symbol.asyncDispose]: async () => close(),
  }
}
