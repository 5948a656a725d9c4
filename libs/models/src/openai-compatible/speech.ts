import { invalidField } from '@holdfast/errors'
import { openAudio } from '../audio/open-audio.js'
import { monoFromPcm } from '../audio/pcm.js'
import { sentencesOf } from '../local/normaliser/sentences.js'
import type { SpeakOptions, SpeechEvent, SpeechModel, Voice } from '../speech-model.js'
import { notCompatible } from './failures.js'
import { OpenAiServiceModel, type OpenAiServiceModelOptions } from './service-model-base.js'

export interface OpenAiSpeechOptions extends OpenAiServiceModelOptions {
  /** Ids of the voices that the endpoint has, the default one first; default: those of OpenAI. */
  readonly voices?: readonly string[]
  /** Samples a second of what the endpoint calls `pcm`; default 24,000, as OpenAI's. What comes with a header says it itself. */
  readonly sampleRate?: number
}

/** Source: https://platform.openai.com/docs/guides/text-to-speech#voice-options */
const openAiVoices = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'fable', 'nova', 'onyx', 'sage', 'shimmer', 'verse']

/** A speech model behind `/audio/speech`, asked for one sentence after the other; the sound of each is passed on while it comes. Errors as of
 *  `openAiCompatibleModel`.
 *  @throws INVALID_ARGUMENT when an option is invalid */
export function openAiSpeechModel(options: OpenAiSpeechOptions): SpeechModel {
  return new OpenAiSpeechModel(options)
}

const pcm16 = { encoding: 'integer', bits: 16, channels: 1 } as const

class OpenAiSpeechModel extends OpenAiServiceModel implements SpeechModel {
  readonly sampleRate: number
  readonly voices: readonly Voice[]
  /** Some servers have no `pcm`. */
  #format: 'pcm' | 'wav' = 'pcm'

  constructor({ voices = openAiVoices, sampleRate = 24_000, ...options }: OpenAiSpeechOptions) {
    super(options)
    if (voices.length === 0) throw invalidField('voices', 'is empty: name at least one')
    this.sampleRate = sampleRate
    // They speak the language of the text.
    this.voices = voices.map((id, place) => ({ id, name: id, language: 'mul', isDefault: place === 0 }))
  }

  async *speak(text: string, options: SpeakOptions = {}): AsyncGenerator<SpeechEvent, void, undefined> {
    const { voice = this.voices[0]?.id ?? '', speed = 1, signal } = options
    if (!this.voices.some(({ id }) => id === voice)) {
      const ids = this.voices.map(({ id }) => id).join(', ')
      throw invalidField('voice', `is ${voice}, which ${this.name} does not have: it has ${ids}`)
    }
    if (!(speed >= 0.5 && speed <= 2)) throw invalidField('speed', `is ${speed}: it must be from 0.5 to 2`)
    const sentences = sentencesOf(text).filter((sentence) => /[\p{L}\p{N}]/u.test(sentence))
    if (sentences.length === 0) {
      throw invalidField('text', 'has nothing that can be spoken', { reason: 'NOTHING_TO_SAY' })
    }
    let count = 0
    for (const [place, sentence] of sentences.entries()) {
      for await (const samples of this.#say(sentence, voice, speed, signal)) {
        count += samples.length
        yield { type: 'audio', samples, sentence: place, text: sentence }
      }
    }
    const durationMs = Math.round((count / this.sampleRate) * 1000)
    yield { type: 'finish', durationMs, usage: { characters: text.length, audioMs: durationMs } }
  }

  async *#say(
    input: string,
    voice: string,
    speed: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Float32Array, void, undefined> {
    let contentType = ''
    const { client, settings, redact } = this.endpoint
    const bytes = this.endpoint.bytes(
      signal,
      async (until) => {
        const asked = { model: settings.model, input, voice, response_format: this.#format }
        const response = await client.audio.speech.create(speed === 1 ? asked : { ...asked, speed }, { signal: until })
        contentType = response.headers.get('content-type') ?? ''
        if (/json|html|text/.test(contentType) || response.body === null) throw notCompatible(contentType, redact)
        return response.body
      },
      ({ reason, message }) => {
        if (reason !== 'MODEL_REQUEST_REJECTED' || this.#format === 'wav' || !/response_format|pcm/i.test(message)) {
          return false
        }
        this.#format = 'wav'
        return true
      },
    )
    // Whatever was asked for: some servers send what they always send.
    const first = await bytes.next()
    if (first.done === true) throw notCompatible('no sound', redact)
    const all = withFirst(first.value, bytes)
    const isFile =
      /^audio\/(?!pcm|l16|x-raw)/i.test(contentType) || Buffer.from(first.value).toString('latin1', 0, 4) === 'RIFF'
    if (isFile) {
      const { sampleRate } = this
      yield* (await openAudio(all, { sampleRate, ...(signal === undefined ? {} : { signal }) })).samples
      return
    }
    let rest: Uint8Array = new Uint8Array(0)
    for await (const chunk of all) {
      const joined = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      rest = joined.slice(joined.length - (joined.length % 2))
      if (joined.length > 1) yield monoFromPcm(joined, pcm16)
    }
  }
}

async function* withFirst(
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield first
    yield* rest
  } finally {
    await rest.return()
  }
}
