import { speechToText } from '@holdfast/protocol'
import type { Connection } from './connection.js'
import { watchJob, withJobKey } from './job-calls.js'
import { encode, type Partially } from './method.js'
import type { CallOptions } from './options.js'
import { converse } from './request-stream.js'
import { singleStream } from './single-stream.js'
import { type UnaryCalls, type UnaryRules, unaryCalls } from './unary-calls.js'

const service = speechToText.SpeechToTextServiceService
type Service = typeof speechToText.SpeechToTextServiceService

/** Bytes of audio in pieces of any size. */
export type StreamedAudio = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** holdfast.speech_to_text.v1.SpeechToTextService, method for method; requests may leave out what has a default. Errors are HoldfastErrors
 *  as the server threw them. Whatever submits a job gets a key if it has none, so that it may be repeated when the connection is lost; `retry` is
 *  repeated only when the server is known not to have run it. `transcribe` has the deadline of streams. */
export interface SpeechToTextClient extends UnaryCalls<Service> {
  /** What happens to a job after `after`, each event once, across lost connections and servers, until it has ended. No deadline unless one is
   *  given. */
  watch(request: Partially<speechToText.WatchRequest>, options?: CallOptions): AsyncIterable<speechToText.WatchResponse>
  /** Transcribes audio while it arrives. Sends as fast as the server takes it. When the connection is lost, UNAVAILABLE: the audio cannot be
   *  sent again. Leaving the loop or aborting cancels the job. What `audio` throws is thrown. */
  streamTranscribe(
    config: Partially<speechToText.StreamTranscribeConfig>,
    audio: StreamedAudio,
    options?: CallOptions,
  ): AsyncIterable<speechToText.StreamTranscribeResponse>
}

const rules: UnaryRules<Service> = {
  submit: { request: speechToText.SubmitRequest, repeatable: true, withKey: withJobKey },
  get: { request: speechToText.GetRequest, repeatable: true },
  cancel: { request: speechToText.CancelRequest, repeatable: true },
  list: { request: speechToText.ListRequest, repeatable: true },
  retry: { request: speechToText.RetryRequest, repeatable: false },
  transcribe: { request: speechToText.TranscribeRequest, repeatable: true, takesLong: true, withKey: withJobKey },
}

export function createSpeechToTextClient(connection: Connection): SpeechToTextClient {
  return {
    ...unaryCalls(connection, service, rules),
    watch: (partial, options = {}) =>
      watchJob(connection, service.watch, speechToText.WatchRequest.fromPartial(partial), options),
    streamTranscribe(partial, audio, options = {}) {
      const config = speechToText.StreamTranscribeConfig.fromPartial(partial)
      const first = { part: { $case: 'config' as const, value: config } }
      // Refuses now what has no place on the wire.
      encode(service.streamTranscribe, first)
      let hasBegun = false
      async function* requests(): AsyncGenerator<speechToText.StreamTranscribeRequest> {
        yield first
        hasBegun = true
        for await (const bytes of audio) yield { part: { $case: 'audio', value: Buffer.from(bytes) } }
      }
      return singleStream(
        connection,
        'StreamTranscribe',
        (link, attempt) => converse(connection, link, service.streamTranscribe, requests(), attempt),
        () => !hasBegun,
        options,
      )
    },
  }
}
