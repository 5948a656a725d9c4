import {
  ChatServiceService as chat,
  type SubscribeToConversationRequest,
  type SubscribeToConversationResponse,
} from '@holdfast/protocol'
import type { Connection } from './connection.js'
import type { CallOptions } from './options.js'
import { type ResumingStream, resuming } from './resuming.js'
import { encode } from './method.js'
import { readStream } from './server-stream.js'

export function subscribe(
  connection: Connection,
  from: SubscribeToConversationRequest,
  options: CallOptions,
): AsyncIterable<SubscribeToConversationResponse> {
  let { cursor } = from
  const stream: ResumingStream<SubscribeToConversationResponse> = {
    name: 'SubscribeToConversation',
    isLast: (response) => response.event?.$case === 'conversationDeleted',
    async *open(link, attempt) {
      const request = encode(chat.subscribeToConversation, { ...from, cursor })
      for await (const response of readStream(connection, link, request, attempt)) {
        cursor = response.cursor
        yield response
      }
    },
  }
  return resuming(connection, stream, Number.POSITIVE_INFINITY, options)
}
