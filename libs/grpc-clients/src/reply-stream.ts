import {
  ChatServiceService as chat,
  ResumeStreamRequest,
  type StreamChatRequest,
  type StreamChatResponse,
} from '@holdfast/protocol'
import type { Connection } from './connection.js'
import type { CallOptions } from './options.js'
import { type ResumingStream, resuming } from './resuming.js'
import { encode } from './method.js'
import { readStream } from './server-stream.js'

export interface ReplyPosition {
  readonly replyId: string
  readonly after: number
}

/** A reply from its request on, or from a position on. Until `started` has come, a cut attempt is repeated with the same key, which
 *  finds the same reply; from then on the rest is asked for, after the last cursor. */
export function streamReply(
  connection: Connection,
  from: { readonly request: StreamChatRequest } | { readonly position: ReplyPosition },
  options: CallOptions,
): AsyncIterable<StreamChatResponse> {
  let position = 'position' in from ? from.position : undefined
  const request = 'request' in from ? from.request : undefined
  const stream: ResumingStream<StreamChatResponse> = {
    name: request === undefined ? 'ResumeStream' : 'StreamChat',
    isLast: (response) => response.event?.$case === 'finished',
    async *open(link, attempt) {
      const responses =
        position === undefined && request !== undefined
          ? readStream(connection, link, encode(chat.streamChat, request), attempt)
          : readStream(
              connection,
              link,
              encode(chat.resumeStream, ResumeStreamRequest.fromPartial(position ?? {})),
              attempt,
            )
      for await (const { event } of responses) {
        if (event?.$case === 'started') position = { replyId: event.value.replyId, after: 0 }
        if (event?.$case === 'delta' && position !== undefined) position = { ...position, after: event.value.cursor }
        yield { event }
      }
    },
  }
  return resuming(connection, stream, connection.streamDeadlineMs, options)
}
