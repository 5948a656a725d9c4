import { textToSpeech } from '@holdfast/protocol'
import type { Connection } from './connection.js'
import { watchJob, withJobKey } from './job-calls.js'
import { encode, type Partially } from './method.js'
import type { CallOptions } from './options.js'
import { readStream } from './server-stream.js'
import { singleStream } from './single-stream.js'
import { type UnaryCalls, type UnaryRules, unaryCalls } from './unary-calls.js'

const service = textToSpeech.TextToSpeechServiceService
type Service = typeof textToSpeech.TextToSpeechServiceService

/** holdfast.text_to_speech.v1.TextToSpeechService, as SpeechToTextClient. `speak` has the deadline of streams. */
export interface TextToSpeechClient extends UnaryCalls<Service> {
  /** As SpeechToTextClient.watch. */
  watch(request: Partially<textToSpeech.WatchRequest>, options?: CallOptions): AsyncIterable<textToSpeech.WatchResponse>
  /** The audio sentence by sentence. When the connection is lost, UNAVAILABLE: ask again, or take the whole with `speak`. Leaving the loop or
   *  aborting cancels the job. */
  streamSpeak(
    request: Partially<textToSpeech.StreamSpeakRequest>,
    options?: CallOptions,
  ): AsyncIterable<textToSpeech.StreamSpeakResponse>
}

const rules: UnaryRules<Service> = {
  submit: { request: textToSpeech.SubmitRequest, repeatable: true, withKey: withJobKey },
  get: { request: textToSpeech.GetRequest, repeatable: true },
  cancel: { request: textToSpeech.CancelRequest, repeatable: true },
  list: { request: textToSpeech.ListRequest, repeatable: true },
  retry: { request: textToSpeech.RetryRequest, repeatable: false },
  speak: { request: textToSpeech.SpeakRequest, repeatable: true, takesLong: true, withKey: withJobKey },
  listVoices: { request: textToSpeech.ListVoicesRequest, repeatable: true, takesLong: true },
}

export function createTextToSpeechClient(connection: Connection): TextToSpeechClient {
  return {
    ...unaryCalls(connection, service, rules),
    watch: (partial, options = {}) =>
      watchJob(connection, service.watch, textToSpeech.WatchRequest.fromPartial(partial), options),
    streamSpeak(partial, options = {}) {
      const request = encode(service.streamSpeak, withJobKey(textToSpeech.StreamSpeakRequest.fromPartial(partial)))
      return singleStream(
        connection,
        'StreamSpeak',
        (link, attempt) => readStream(connection, link, request, attempt),
        () => true,
        options,
      )
    },
  }
}
