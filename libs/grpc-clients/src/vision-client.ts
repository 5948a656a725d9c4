import { vision } from '@holdfast/protocol'
import type { Connection } from './connection.js'
import { watchJob, withJobKey } from './job-calls.js'
import type { Partially } from './method.js'
import type { CallOptions } from './options.js'
import { type UnaryCalls, type UnaryRules, unaryCalls } from './unary-calls.js'

const service = vision.VisionServiceService
type Service = typeof vision.VisionServiceService

/** holdfast.vision.v1.VisionService, as SpeechToTextClient. `describe`, `detect`, `readText` and `compare` have the deadline of streams. */
export interface VisionClient extends UnaryCalls<Service> {
  /** As SpeechToTextClient.watch. */
  watch(request: Partially<vision.WatchRequest>, options?: CallOptions): AsyncIterable<vision.WatchResponse>
}

const rules: UnaryRules<Service> = {
  submit: { request: vision.SubmitRequest, repeatable: true, withKey: withJobKey },
  get: { request: vision.GetRequest, repeatable: true },
  cancel: { request: vision.CancelRequest, repeatable: true },
  list: { request: vision.ListRequest, repeatable: true },
  retry: { request: vision.RetryRequest, repeatable: false },
  describe: { request: vision.DescribeRequest, repeatable: true, takesLong: true, withKey: withJobKey },
  detect: { request: vision.DetectRequest, repeatable: true, takesLong: true, withKey: withJobKey },
  readText: { request: vision.ReadTextRequest, repeatable: true, takesLong: true, withKey: withJobKey },
  compare: { request: vision.CompareRequest, repeatable: true, takesLong: true, withKey: withJobKey },
}

export function createVisionClient(connection: Connection): VisionClient {
  return {
    ...unaryCalls(connection, service, rules),
    watch: (partial, options = {}) =>
      watchJob(connection, service.watch, vision.WatchRequest.fromPartial(partial), options),
  }
}
