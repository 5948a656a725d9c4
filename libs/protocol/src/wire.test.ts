import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  ChatServiceService,
  Conversation,
  GetMessagesRequest,
  Message,
  Role,
  SendMessageRequest,
  artifacts,
  dag,
  fileDescriptors,
  imageGeneration,
  jobs,
  speechToText,
  textToSpeech,
  vision,
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

describe('a job on the wire', () => {
  it('comes back as it was sent, with what is absent told from what is zero or false', () => {
    const job = jobs.Job.fromPartial({
      id: 'j-1',
      state: jobs.JobState.CANCELLED,
      createTime: new Date('2026-11-27T11:05:00.001Z'),
      progress: { fraction: 0, stage: 'decoding' },
      inputIds: ['a'.repeat(64)],
      outputs: [{ id: 'j-1.transcript', cost: { amount: '0.0061', currency: 'USD' } }],
      labels: ['__proto__'],
      stopped: false,
    })
    const read = jobs.Job.decode(jobs.Job.encode(job).finish())
    assert.deepEqual(read, job)
    assert.equal(read.stopped, false)
    assert.equal(jobs.Job.decode(Buffer.alloc(0)).stopped, undefined)
    assert.equal(read.cost, undefined)
  })

  it('keeps a picture of no bytes apart from no picture', () => {
    const empty = vision.DescribeRequest.fromPartial({
      picture: { source: { $case: 'content', value: Buffer.alloc(0) } },
    })
    const read = vision.DescribeRequest.decode(vision.DescribeRequest.encode(empty).finish())
    assert.equal(read.picture?.source?.$case, 'content')
    assert.equal(vision.DescribeRequest.decode(Buffer.alloc(0)).picture, undefined)
  })

  it('keeps a seed of 0 apart from none', () => {
    const read = imageGeneration.ImageSpec.decode(
      imageGeneration.ImageSpec.encode(imageGeneration.ImageSpec.fromPartial({ seed: 0 })).finish(),
    )
    assert.equal(read.seed, 0)
    assert.equal(imageGeneration.ImageSpec.fromPartial({}).seed, undefined)
  })
})

/** Names of the methods that stream, as `request`, `response` or both. */
function streamsOf(service: Readonly<Record<string, { requestStream: boolean; responseStream: boolean }>>): string[] {
  return Object.entries(service).flatMap(([name, { requestStream, responseStream }]) =>
    requestStream || responseStream ? [`${name}:${requestStream ? ' in' : ''}${responseStream ? ' out' : ''}`] : [],
  )
}

const jobMethods = ['submit', 'get', 'watch', 'cancel', 'list', 'retry']

describe('the services', () => {
  it('of chat has every method of the contract, three of them streaming', () => {
    assert.deepEqual(streamsOf(ChatServiceService), [
      'streamChat: out',
      'resumeStream: out',
      'subscribeToConversation: out',
    ])
    assert.equal(Object.keys(ChatServiceService).length, 18)
  })

  it('of media serve their jobs alike, and what each does besides', () => {
    const { SpeechToTextServiceService: stt } = speechToText
    const { TextToSpeechServiceService: tts } = textToSpeech
    const { VisionServiceService: see } = vision
    const { ImageGenerationServiceService: imagine } = imageGeneration
    assert.deepEqual(Object.keys(stt), [...jobMethods, 'transcribe', 'streamTranscribe'])
    assert.deepEqual(Object.keys(tts), [...jobMethods, 'speak', 'streamSpeak', 'listVoices'])
    assert.deepEqual(Object.keys(see), [...jobMethods, 'describe', 'detect', 'readText', 'compare'])
    assert.deepEqual(Object.keys(imagine), [...jobMethods, 'generate', 'edit', 'listImages'])
    assert.deepEqual(streamsOf(stt), ['watch: out', 'streamTranscribe: in out'])
    assert.deepEqual(streamsOf(tts), ['watch: out', 'streamSpeak: out'])
    assert.deepEqual(streamsOf(see), ['watch: out'])
    assert.deepEqual(streamsOf(imagine), ['watch: out'])
  })

  it('of graphs streams what happens, and asks one thing of services of its users, in two ways', () => {
    const { DagServiceService: service, NodeServiceService: node } = dag
    assert.equal(Object.keys(service).length, 17)
    assert.deepEqual(streamsOf(service), ['streamExecution: out'])
    assert.deepEqual(Object.keys(node), ['runNode', 'watchNode'])
    assert.deepEqual(streamsOf(node), ['watchNode: out'])
  })

  it('of artifacts takes and gives bytes as streams', () => {
    const { ArtifactServiceService: service } = artifacts
    assert.deepEqual(Object.keys(service), ['upload', 'download', 'getArtifact', 'getLineage'])
    assert.deepEqual(streamsOf(service), ['upload: in', 'download: out'])
  })

  it('have descriptors for reflection, imports before what imports them', () => {
    const names = fileDescriptors().map((file) => file.subarray(2, 2 + (file[1] ?? 0)).toString())
    const at = (name: string): number => names.indexOf(name)
    assert.ok(at('holdfast/chat/v1/chat.proto') > at('google/protobuf/timestamp.proto'))
    for (const name of ['artifacts', 'speech_to_text', 'text_to_speech', 'vision', 'image_generation']) {
      assert.ok(at(`holdfast/${name}/v1/${name}.proto`) > at('holdfast/jobs/v1/jobs.proto'), name)
    }
  })
})
