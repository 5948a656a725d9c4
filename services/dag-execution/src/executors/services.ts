import { HoldfastError } from '@holdfast/errors'
import type { Clients } from '@holdfast/grpc-clients'
import {
  ReplyStatus,
  type imageGeneration,
  textToSpeech,
  vision,
  imageGeneration as imageProtocol,
} from '@holdfast/protocol'
import type { Json, JsonObject } from '../graph/graph.js'
import { numberOf, textOf } from '../graph/port-values.js'
import type { Outputs } from '../run/events.js'
import { artifactMedia, finishJob, jobOptions } from './media-jobs.js'
import type { NodeCall, NodeExecutors } from './node-executor.js'

export type ServiceClients = Pick<Clients, 'chat' | 'speechToText' | 'textToSpeech' | 'vision' | 'imageGeneration'>

/** What does the work of nodes by the services of Holdfast: each call has its own key, and a service does the work of one key once.
 *  @param clientsOf the services as a tenant sees them */
export function serviceExecutors(
  clientsOf: (tenant: string) => ServiceClients | Promise<ServiceClients>,
): NodeExecutors {
  return {
    'speech-to-text': async (call) => {
      const { input } = call
      const { speechToText: client } = await clientsOf(call.tenant)
      const transcription = { language: textOf(input, 'language', ''), prompt: textOf(input, 'prompt', '') }
      const { job } = await client.submit(
        { audio: artifactMedia(textOf(input, 'audio', '')), transcription, options: jobOptions(call) },
        { signal: call.signal },
      )
      const { transcript, job: done } = await finishJob(client, job, call)
      const { text = '', language: spoken = '', segments = [], durationMs = 0, audioArtifactId = '' } = transcript ?? {}
      return {
        text,
        language: spoken,
        segments: segments.map(({ startMs, endMs, text: said }) => ({ startMs, endMs, text: said })),
        durationMs,
        audio: audioArtifactId,
        job: done?.id ?? '',
      }
    },

    'text-to-speech': async (call) => {
      const ssml = textOf(call.input, 'ssml', undefined)
      const { textToSpeech: client } = await clientsOf(call.tenant)
      const source =
        ssml === undefined
          ? ({ $case: 'text', value: textOf(call.input, 'text', '') } as const)
          : ({ $case: 'ssml', value: ssml } as const)
      const input = {
        source,
        voice: textOf(call.input, 'voice', ''),
        speed: numberOf(call.input, 'speed', 0),
        format: audioFormat(textOf(call.input, 'format', 'wav')),
      }
      const { job } = await client.submit({ input, options: jobOptions(call) }, { signal: call.signal })
      const { speech, job: done } = await finishJob(client, job, call)
      const { audio, durationMs = 0, sampleRateHz = 0, voice: spoken = '' } = speech ?? {}
      return { audio: audio?.id ?? '', durationMs, sampleRateHz, voice: spoken, job: done?.id ?? '' }
    },

    vision: async (call) => {
      const { input } = call
      const { tasks = ['describe'] } = input
      const minScore = numberOf(input, 'minScore', undefined)
      const other = textOf(input, 'other', undefined)
      const { vision: client } = await clientsOf(call.tenant)
      const request = {
        picture: artifactMedia(textOf(input, 'picture', '')),
        tasks: (tasks as readonly Json[]).map((task) => visionTask(task)),
        describe: { prompt: textOf(input, 'prompt', '') },
        detect: { limit: numberOf(input, 'limit', 0), ...(minScore === undefined ? {} : { minScore }) },
        ...(other === undefined ? {} : { other: artifactMedia(other) }),
        options: jobOptions(call),
      }
      const { job } = await client.submit(request, { signal: call.signal })
      const { result, job: done } = await finishJob(client, job, call)
      return visionOutputs(result, done?.id ?? '')
    },

    'image-generation': async (call) => {
      const { imageGeneration: client } = await clientsOf(call.tenant)
      const picture = textOf(call.input, 'picture', undefined)
      const mask = textOf(call.input, 'mask', undefined)
      const edit =
        picture === undefined
          ? {}
          : { edit: { picture: artifactMedia(picture), ...(mask === undefined ? {} : { mask: artifactMedia(mask) }) } }
      const { job } = await client.submit(
        { spec: imageSpec(call.input), ...edit, options: jobOptions(call) },
        { signal: call.signal },
      )
      const { images, job: done } = await finishJob(client, job, call)
      const ids = images.map(({ image }) => image?.id ?? '')
      const [first] = images
      return {
        image: ids[0] ?? '',
        images: ids,
        thumbnail: first?.thumbnail?.id ?? '',
        seed: first?.seed ?? 0,
        job: done?.id ?? '',
      }
    },

    chat: async (call) => runChat((await clientsOf(call.tenant)).chat, call),
  }
}

/** The tokens of a reply are told as progress, as they come. A repeated call finds the reply that the first one began. */
async function runChat(chat: Clients['chat'], call: NodeCall): Promise<Outputs> {
  const { key, input, signal } = call
  const temperature = numberOf(input, 'temperature', undefined)
  const maxOutputTokens = numberOf(input, 'maxOutputTokens', undefined)
  const systemPrompt = textOf(input, 'system', undefined)
  const conversationId = textOf(input, 'conversation', undefined) ?? (await newConversation(chat, call))
  const options = {
    model: textOf(input, 'model', ''),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(systemPrompt === undefined ? {} : { systemPrompt }),
  }
  let replyId = ''
  const cancel = () => {
    if (replyId !== '') void chat.cancelReply({ replyId }, { deadlineMs: 5_000 }).catch(() => undefined)
  }
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const parts = [{ content: { $case: 'text', value: textOf(input, 'prompt', '') } as const }]
    for await (const { event } of chat.streamChat({ conversationId, key, parts, options }, { signal })) {
      if (event?.$case === 'started') ({ replyId } = event.value)
      else if (event?.$case === 'delta') call.report({ text: event.value.text })
      else if (event?.$case === 'finished') {
        const { status, message } = event.value
        const text = (message?.parts ?? [])
          .map(({ content }) => (content?.$case === 'text' ? content.value : ''))
          .join('')
        if (status === ReplyStatus.COMPLETE)
          return { text, conversation: conversationId, reply: replyId, model: message?.reply?.model ?? '' }
        if (status === ReplyStatus.CANCELLED)
          throw new HoldfastError('CANCELLED', `The reply of ${call.node} was cancelled`)
        const why = message?.reply?.error?.message ?? 'it was interrupted'
        throw new HoldfastError('UNAVAILABLE', `The reply of ${call.node} did not come to its end: ${why}`, {
          reason: 'REPLY_NOT_COMPLETE',
        })
      }
    }
  } finally {
    signal.removeEventListener('abort', cancel)
  }
  throw new HoldfastError('UNAVAILABLE', `The reply of ${call.node} ended without its end`)
}

/** One for a node of a run, whatever the attempt: the key of the first attempt makes it. */
async function newConversation(chat: Clients['chat'], { run, node, signal }: NodeCall): Promise<string> {
  const { conversation } = await chat.createConversation(
    { key: `dag:${run}:${node}`.slice(0, 200), title: node, userId: 'dag' },
    { signal },
  )
  return conversation?.id ?? ''
}

function imageSpec(input: JsonObject): Partial<imageGeneration.ImageSpec> {
  const seed = numberOf(input, 'seed', undefined)
  return {
    prompt: textOf(input, 'prompt', ''),
    negativePrompt: textOf(input, 'negativePrompt', ''),
    width: numberOf(input, 'width', 0),
    height: numberOf(input, 'height', 0),
    count: numberOf(input, 'count', 0),
    ...(seed === undefined ? {} : { seed }),
    format:
      { png: ImageFormat.PNG, jpeg: ImageFormat.JPEG, webp: ImageFormat.WEBP }[textOf(input, 'format', 'png')] ??
      ImageFormat.UNSPECIFIED,
    quality: numberOf(input, 'quality', 0),
  }
}

function visionOutputs(result: vision.VisionResult | undefined, job: string): Outputs {
  const { picture, description, detections, text, comparison } = result ?? {}
  return {
    description: description?.text ?? null,
    objects: plain(detections?.objects ?? []),
    text: text?.text ?? null,
    lines: plain(text?.lines ?? []),
    similarity: comparison?.similarity ?? null,
    width: picture?.width ?? 0,
    height: picture?.height ?? 0,
    job,
  }
}

const { AudioFormat } = textToSpeech
const { ImageFormat } = imageProtocol
const { VisionTask } = vision

function audioFormat(name: string): textToSpeech.AudioFormat {
  const formats: { readonly [name: string]: textToSpeech.AudioFormat } = {
    wav: AudioFormat.WAV,
    pcm: AudioFormat.PCM_S16LE,
    mp3: AudioFormat.MP3,
    ogg: AudioFormat.OGG_OPUS,
    flac: AudioFormat.FLAC,
    m4a: AudioFormat.M4A,
  }
  return formats[name] ?? AudioFormat.UNSPECIFIED
}

/** @throws INVALID_ARGUMENT */
function visionTask(name: Json): vision.VisionTask {
  const tasks: { readonly [name: string]: vision.VisionTask } = {
    describe: VisionTask.DESCRIBE,
    detect: VisionTask.DETECT,
    'read-text': VisionTask.READ_TEXT,
    compare: VisionTask.COMPARE,
  }
  const task = typeof name === 'string' ? tasks[name] : undefined
  if (task === undefined)
    throw new HoldfastError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(name)} is no task of vision: there are ${Object.keys(tasks).join(', ')}`,
    )
  return task
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json
}
