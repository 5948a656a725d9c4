import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { artifacts, imageGeneration, speechToText, textToSpeech, vision } from '@holdfast/protocol'
import type { ChatServerForTests } from './chat-server-for-tests.js'

export interface MediaMethods {
  readonly artifacts?: Partial<artifacts.ArtifactServiceServer>
  readonly speechToText?: Partial<speechToText.SpeechToTextServiceServer>
  readonly textToSpeech?: Partial<textToSpeech.TextToSpeechServiceServer>
  readonly vision?: Partial<vision.VisionServiceServer>
  readonly imageGeneration?: Partial<imageGeneration.ImageGenerationServiceServer>
}

/** A real grpc-js server on loopback with the services of media, whose methods a test writes; those that it left out answer UNIMPLEMENTED. */
export async function startMediaServer(methods: MediaMethods): Promise<ChatServerForTests> {
  const server = new Server()
  const add = (definition: ServiceDefinition, implementation: object = {}): void =>
    server.addService(definition, implementation as UntypedServiceImplementation)
  add(artifacts.ArtifactServiceService, methods.artifacts)
  add(speechToText.SpeechToTextServiceService, methods.speechToText)
  add(textToSpeech.TextToSpeechServiceService, methods.textToSpeech)
  add(vision.VisionServiceService, methods.vision)
  add(imageGeneration.ImageGenerationServiceService, methods.imageGeneration)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
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
