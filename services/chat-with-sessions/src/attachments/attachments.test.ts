import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import type { Part } from '@holdfast/protocol'
import { type ChatForTests, PuppetModel, readReply, startChat, textPart } from '../chat-for-tests.js'
import type { MadeText, MediaCall, MediaServices, Medium, SpokenReply } from './media-services.js'

/** What the services would say, and what they were asked. */
class Services implements MediaServices {
  readonly asked: string[] = []
  failure: HoldfastError | undefined
  before: () => Promise<unknown> = () => Promise.resolve()

  describe(medium: Medium, call: MediaCall): Promise<MadeText> {
    return this.#make('describe', medium, call, 'a cat on a table')
  }

  transcribe(medium: Medium, call: MediaCall): Promise<MadeText> {
    return this.#make('transcribe', medium, call, 'where is my cat')
  }

  async speak(text: string, { voice = '' }: SpokenReply): Promise<{ audio: Uint8Array; contentType: string }> {
    this.asked.push(`speak ${voice}: ${text}`)
    if (this.failure !== undefined) throw this.failure
    return { audio: Buffer.from(`sound of ${text}`), contentType: 'audio/wav' }
  }

  async #make(doing: string, medium: Medium, { message }: MediaCall, text: string): Promise<MadeText> {
    const seq = message.split('/')[1]
    this.asked.push(`${doing} ${Buffer.from(await medium.bytes()).toString()} of ${seq}`)
    await this.before()
    if (this.failure !== undefined) throw this.failure
    return { text, artifacts: [`made-by-${doing}`] }
  }
}

interface Started extends AsyncDisposable {
  readonly chat: ChatForTests
  readonly services: Services
  readonly derived: { id: string; inputs: readonly string[] }[]
  readonly conversationId: string
  blob(content: string, contentType: string, name?: string): Promise<Part>
}

async function start(kind: PuppetModel['kind']): Promise<Started> {
  const services = new Services()
  const derived: Started['derived'] = []
  const lineage = {
    derive: (id: string, inputs: readonly string[]) => Promise.resolve(derived.push({ id, inputs })),
  }
  // The blobs of the store, which is opened with the service.
  let of: ChatForTests | undefined
  const blobs = {
    bytes: (hash: string) => blobsOf(of).bytes(hash),
    put: (...given: Parameters<ReturnType<typeof blobsOf>['put']>) => blobsOf(of).put(...given),
  }
  const chat = await startChat({ model: new PuppetModel(kind), chat: { attachments: { services, blobs, lineage } } })
  of = chat
  const { id: conversationId } = await chat.conversations.create({ userId: 'ada' })
  return {
    chat,
    services,
    derived,
    conversationId,
    async blob(content, contentType, name = '') {
      const { hash, sizeBytes } = await chat.store.blobs.put(Buffer.from(content), { contentType })
      return { content: { $case: 'blob', value: { hash, contentType, name, sizeBytes } } }
    },
    [Symbol.asyncDispose]: () => chat[Symbol.asyncDispose](),
  }
}

function blobsOf(chat: ChatForTests | undefined) {
  assert(chat)
  return chat.store.blobs
}

function hashOf(content: string): string {
  return createHash('sha256').update(content).digest('hex')
}

it('puts what a picture shows and a recording says beside them, for a model that neither sees nor hears', async () => {
  await using started = await start('recall')
  const { chat, services, conversationId, derived } = started
  const parts = [
    await started.blob('PICTURE', 'image/png', 'cat.png'),
    await started.blob('SOUND', 'audio/wav'),
    textPart('Look!'),
  ]
  const reading = readReply(chat.clients.chat.streamChat({ conversationId, parts }))
  const question = await chat.model.asked()
  const texts = question.request.messages[0]?.parts.map((part) => (part.type === 'text' ? part.text : part.type))
  assert.deepEqual(texts, ['image', '[cat.png: a cat on a table]', '[audio, audio/wav]', 'where is my cat', 'Look!'])
  question.say('Here.')
  question.finish()
  await reading
  const message = await chat.conversations.message(conversationId, 1)
  assert.deepEqual(
    message.parts.flatMap((part) => (part.type === 'text' ? [part.madeFrom] : [])),
    [hashOf('PICTURE'), hashOf('SOUND'), undefined],
  )
  const wire = await chat.clients.chat.getMessages({ conversationId })
  assert.equal(wire.messages[0]?.parts[1]?.madeFrom, hashOf('PICTURE'))
  const inputs = [hashOf('PICTURE'), 'made-by-describe', hashOf('SOUND'), 'made-by-transcribe']
  assert.deepEqual(derived, [{ id: `${conversationId}/1`, inputs }])
  // What is read stays read, and is found.
  const again = readReply(chat.clients.chat.streamChat({ conversationId, regenerateFromSeq: 1 }))
  ;(await chat.model.asked()).finish()
  await again
  assert.deepEqual(services.asked, ['describe PICTURE of 1', 'transcribe SOUND of 1'])
  assert.equal((await chat.conversations.search('ada', 'table')).length, 1)
})

it('shows pictures to a model that sees, and reads what was sent just before the question', async () => {
  await using started = await start('language-model')
  const { chat, services, conversationId } = started
  const key = 'sound'
  await chat.clients.chat.sendMessage({ conversationId, key, parts: [await started.blob('SOUND', 'audio/wav')] })
  const parts = [await started.blob('PICTURE', 'image/png'), textPart('Well?')]
  const reading = readReply(chat.clients.chat.streamChat({ conversationId, parts }))
  const question = await chat.model.asked()
  assert.deepEqual(
    question.request.messages.map((message) => message.parts.map(({ type }) => type)),
    [
      ['text', 'text'],
      ['image', 'text'],
    ],
  )
  question.finish()
  await reading
  assert.deepEqual(services.asked, ['transcribe SOUND of 1'])
  // The call that sent it may still be repeated.
  const repeated = await chat.clients.chat.sendMessage({
    conversationId,
    key,
    parts: [await started.blob('SOUND', 'audio/wav')],
  })
  assert.equal(repeated.message?.seq, 1)
})

it('answers without what could not be read, and leaves a message alone that was redacted meanwhile', async () => {
  await using started = await start('recall')
  const { chat, services, conversationId } = started
  services.failure = new HoldfastError('UNAVAILABLE', 'The service is away')
  const first = readReply(
    chat.clients.chat.streamChat({ conversationId, parts: [await started.blob('PICTURE', 'image/png')] }),
  )
  ;(await chat.model.asked()).finish()
  assert.equal((await first).finished?.status, 2)
  services.failure = undefined
  services.before = () => chat.conversations.redact(conversationId, 1)
  const second = readReply(chat.clients.chat.streamChat({ conversationId, parts: [textPart('And now?')] }))
  ;(await chat.model.asked()).finish()
  await second
  const message = await chat.conversations.message(conversationId, 1)
  assert.deepEqual([message.redacted, message.parts], [true, []])
})

it('speaks a reply that is wanted spoken, and finishes it in silence when that fails', async () => {
  await using started = await start('recall')
  const { chat, services, conversationId } = started
  const ask = async (text: string) => {
    const reading = readReply(
      chat.clients.chat.streamChat({ conversationId, parts: [textPart('Hello')], spoken: { voice: 'slt' } }),
    )
    const question = await chat.model.asked()
    question.say(text)
    question.finish()
    return (await reading).finished?.message?.parts ?? []
  }
  const [text, sound] = await ask('Good morning.')
  assert.deepEqual(text?.content, { $case: 'text', value: 'Good morning.' })
  const value = sound?.content?.$case === 'blob' ? sound.content.value : undefined
  assert.deepEqual([value?.contentType, value?.hash], ['audio/wav', hashOf('sound of Good morning.')])
  assert.equal(value?.sizeBytes, 'sound of Good morning.'.length)
  assert.deepEqual(services.asked, ['speak slt: Good morning.'])
  // Kept for as long as the conversation.
  await chat.store.collectBlobs({ olderThanMs: 0 })
  assert(await chat.store.blobs.stat(value?.hash ?? ''))
  services.failure = new HoldfastError('UNAVAILABLE', 'The service is away')
  assert.equal((await ask('Again.')).length, 1)
  await assert.rejects(
    readReply(chat.clients.chat.streamChat({ conversationId, parts: [textPart('x')], spoken: { speed: 9 } })),
    { code: 'INVALID_ARGUMENT', fields: [{ field: 'spoken.speed', description: 'must be a number from 0.5 to 2' }] },
  )
})

it('refuses to speak without a service for it', async () => {
  await using chat = await startChat()
  const { id: conversationId } = await chat.conversations.create()
  const stream = chat.clients.chat.streamChat({ conversationId, parts: [textPart('x')], spoken: {} })
  await assert.rejects(readReply(stream), { code: 'FAILED_PRECONDITION', reason: 'NO_SPEECH_SERVICE' })
})
