import { type ArtifactClient, createArtifactClient } from './artifact-client.js'
import { type ChatClient, createChatClient } from './chat-client.js'
import { Connection } from './connection.js'
import { type DagClient, createDagClient } from './dag-client.js'
import { type AddressHealth, checkHealth } from './health.js'
import { type ImageGenerationClient, createImageGenerationClient } from './image-generation-client.js'
import type { CallOptions, ClientsOptions } from './options.js'
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
  const connection = new Connection(options)
  return {
    chat: createChatClient(connection),
    artifacts: createArtifactClient(connection),
    speechToText: createSpeechToTextClient(connection),
    textToSpeech: createTextToSpeechClient(connection),
    vision: createVisionClient(connection),
    imageGeneration: createImageGenerationClient(connection),
    dag: createDagClient(connection),
    health: (call = {}) => checkHealth(connection, call),
    close: () => connection.close(),
    [Symbol.asyncDispose]: async () => connection.close(),
  }
}
