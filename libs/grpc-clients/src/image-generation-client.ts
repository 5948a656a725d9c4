import { imageGeneration } from '@holdfast/protocol'
import type { Connection } from './connection.js'
import { watchJob, withJobKey } from './job-calls.js'
import type { Partially } from './method.js'
import type { CallOptions } from './options.js'
import { type UnaryCalls, type UnaryRules, unaryCalls } from './unary-calls.js'

const service = imageGeneration.ImageGenerationServiceService
type Service = typeof imageGeneration.ImageGenerationServiceService

/** holdfast.image_generation.v1.ImageGenerationService, as SpeechToTextClient. `generate` and `edit` have the deadline of streams. */
export interface ImageGenerationClient extends UnaryCalls<Service> {
  /** As SpeechToTextClient.watch. */
  watch(
    request: Partially<imageGeneration.WatchRequest>,
    options?: CallOptions,
  ): AsyncIterable<imageGeneration.WatchResponse>
}

const rules: UnaryRules<Service> = {
  submit: { request: imageGeneration.SubmitRequest, repeatable: true, withKey: withJobKey },
  get: { request: imageGeneration.GetRequest, repeatable: true },
  cancel: { request: imageGeneration.CancelRequest, repeatable: true },
  list: { request: imageGeneration.ListRequest, repeatable: true },
  retry: { request: imageGeneration.RetryRequest, repeatable: false },
  generate: { request: imageGeneration.GenerateRequest, repeatable: true, takesLong: true, withKey: withJobKey },
  edit: { request: imageGeneration.EditRequest, repeatable: true, takesLong: true, withKey: withJobKey },
  listImages: { request: imageGeneration.ListImagesRequest, repeatable: true },
}

export function createImageGenerationClient(connection: Connection): ImageGenerationClient {
  return {
    ...unaryCalls(connection, service, rules),
    watch: (partial, options = {}) =>
      watchJob(connection, service.watch, imageGeneration.WatchRequest.fromPartial(partial), options),
  }
}
