import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  ChatServiceService,
  Conversation,
  GetMessagesRequest,
  Message,
  Role,
  SendMessageRequest,
  fileDescriptors,
} from './index.js'

const copy = (message: Message): Message => Message.decode(Message.encode(message).finish())

describe('a message on the wire', () => {
  it('comes back as it was sent', () => {
    const message = Message.fromPartial({
      seq: Number.MAX_SAFE_INTEGER,
      id: 'k-1',
      role: Role.ASSISTANT,
      createTime: new Date('2026-11-22T20:11:59.123Z'),
      parts: [
        { content: { $case: 'text', value: 'a\u0000b\ufeff😀' } },
        { content: { $case: 'toolCall', value: { id: 't', name: 'f', argumentsJson: '{"n":12345678901234567890}' } } },
        { content: { $case: 'blob', value: { hash: 'a'.repeat(64), contentType: 'image/png', sizeBytes: 2 ** 40 } } },
      ],
    })
    assert.deepEqual(copy(message), message)
  })

  it('keeps __proto__ and constructor as keys of metadata', () => {
    const metadata = new Map([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    const bytes = Conversation.encode(Conversation.fromPartial({ metadata })).finish()
    assert.deepEqual(Conversation.decode(bytes).metadata, metadata)
  })

  it('is refused when a number is beyond 2^53', () => {
    const bytes = GetMessagesRequest.encode(GetMessagesRequest.fromPartial({ afterSeq: 2 ** 53 })).finish()
    assert.throws(() => GetMessagesRequest.decode(bytes), /MAX_SAFE_INTEGER/)
  })

  it('is refused when a string is not UTF-8, short or long', () => {
    for (const length of [1, 100]) {
      const bytes = Buffer.from([0x0a, length, ...Buffer.alloc(length, 0xff)])
      assert.throws(() => SendMessageRequest.decode(bytes), TypeError)
    }
  })

  it('is refused when it is cut', () => {
    const bytes = SendMessageRequest.encode(SendMessageRequest.fromPartial({ conversationId: 'c'.repeat(50) })).finish()
    assert.throws(() => SendMessageRequest.decode(bytes.subarray(0, 20)), /premature EOF/)
  })

  it('may have fields that are not known yet', () => {
    const bytes = Buffer.concat([
      SendMessageRequest.encode(SendMessageRequest.fromPartial({ key: 'k' })).finish(),
      Buffer.from([0xfa, 0x3f, 0x01, 0x41, 0x18, 0x63]),
    ])
    const request = SendMessageRequest.decode(bytes)
    assert.equal(request.key, 'k')
    // An enum value from the future stays a number that no constant has.
    assert.equal(request.role, 99)
  })
})

describe('the service', () => {
  it('has every method of the contract, three of them streaming', () => {
    const streaming = Object.entries(ChatServiceService).filter(([, method]) => method.responseStream)
    assert.deepEqual(
      streaming.map(([name]) => name),
      ['streamChat', 'resumeStream', 'subscribeToConversation'],
    )
    assert.equal(Object.keys(ChatServiceService).length, 18)
  })

  it('has descriptors for reflection, imports before what imports them', () => {
    const names = fileDescriptors().map((file) => file.subarray(2, 2 + (file[1] ?? 0)).toString())
    assert.equal(names.at(-1), 'holdfast/chat/v1/chat.proto')
    assert.ok(names.includes('google/protobuf/timestamp.proto'))
  })
})
