import { Server, ServerCredentials } from '@grpc/grpc-js'
import { openAiCompatibleModel } from '@holdfast/models'
import {
  type ChatServiceServer,
  ChatServiceService,
  Message,
  ReplyStatus,
  StreamChatResponse,
} from '@holdfast/protocol'

/** The two servers that the chat service is compared with, in a process of their own: an echo that keeps nothing, and a stream of the
 *  same model that keeps nothing. Prints its port when it listens. */
const [modelUrl = ''] = process.argv.slice(2)
const model = openAiCompatibleModel({ baseUrl: modelUrl, model: 'paced' })
const server = new Server()
let seq = 0

const methods: Pick<ChatServiceServer, 'sendMessage' | 'streamChat'> = {
  sendMessage: (call, callback) => {
    const { key, parts, role } = call.request
    seq += 1
    callback(null, {
      message: Message.fromPartial({ seq, id: key, role, parts, createTime: new Date() }),
    })
  },
  streamChat: (call) => {
    const text = call.request.parts[0]?.content
    const question = text?.$case === 'text' ? text.value : ''
    void (async () => {
      let cursor = 0
      let whole = ''
      call.write(StreamChatResponse.fromPartial({ event: { $case: 'started', value: { replyId: 'bare' } } }))
      for await (const event of model.stream({
        messages: [{ role: 'user', parts: [{ type: 'text', text: question }] }],
      })) {
        if (event.type !== 'text') continue
        cursor += 1
        whole += event.text
        call.write(StreamChatResponse.fromPartial({ event: { $case: 'delta', value: { text: event.text, cursor } } }))
      }
      const message = Message.fromPartial({ seq: 2, parts: [{ content: { $case: 'text', value: whole } }] })
      const value = { message, status: ReplyStatus.COMPLETE, cursor }
      call.write(StreamChatResponse.fromPartial({ event: { $case: 'finished', value } }))
      call.end()
    })()
  },
}

server.addService(ChatServiceService, methods)

server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error
  process.stdout.write(`${port}\n`)
})
