import { type Artifact, type JobContext, type JobKind, jobKind } from '@holdfast/jobs'
import {
  contentTypeOf,
  encodeAudio,
  type FfmpegOptions,
  fileExtensionOf,
  sentencesOf,
  type SpeechModel,
  spokenText,
} from '@holdfast/models'
import { type LiveSpeech, LiveSpeeches } from './live-speech.js'
import type { Speech, SpeechInput, SpokenSentence } from './speech.js'
import { type Utterance, parseSsml } from './ssml.js'
import { WholeWav } from './whole-wav.js'

export interface SpeechWorkOptions {
  readonly model: SpeechModel
  readonly ffmpeg?: Omit<FfmpegOptions, 'signal'>
  /** Attempts at once over all processes; default: as many as there are workers. */
  readonly perModel?: number
  readonly perTenant?: number
}

/** What a process needs to speak: the kind of job for `openJobs`, and what `createTextToSpeechService` serves. */
export interface SpeechWork {
  readonly kind: JobKind<SpeechInput, Speech>
  readonly model: SpeechModel
  readonly live: LiveSpeeches
}

const slowest = 0.5
const fastest = 2

export function speechWork({ model, ffmpeg = {}, perModel, perTenant }: SpeechWorkOptions): SpeechWork {
  const { name, version, provider, canStop } = model
  const live = new LiveSpeeches()
  const kind = jobKind<SpeechInput, Speech>({
    name: 'text-to-speech',
    // An endpoint may cost money.
    startsEarly: provider === 'local',
    model: () => ({ name, version, provider, canStop }),
    // The same text sounds the same, wherever it comes from.
    cache: (input) => ({ ...input, from: undefined }),
    parameters: ({ voice, speed, format }) => ({ voice, speed, format }),
    concurrency: {
      ...(perModel === undefined ? {} : { perModel }),
      ...(perTenant === undefined ? {} : { perTenant }),
    },
    async run(input, context) {
      using speech = live.begin(context.id)
      const source = keepSource(input, context)
      const spoken = await speak(model, ffmpeg, input, context, speech)
      await source
      return spoken
    },
  })
  return { kind, model, live }
}

/** For lineage, beside the work: what the audio was made from. */
async function keepSource({ from, text, ssml = '' }: SpeechInput, { addInput, linkInput }: JobContext): Promise<void> {
  if (from !== undefined) {
    linkInput(from)
    return
  }
  const contentType = text === undefined ? 'application/ssml+xml' : 'text/plain; charset=utf-8'
  const name = text === undefined ? 'speech.ssml' : 'speech.txt'
  const kept = addInput(Buffer.from(text ?? ssml), { role: 'text', contentType, name })
  // When speaking fails first, that is what is told.
  kept.catch(() => undefined)
  await kept
}

/** What of it can be said, and pauses. @throws INVALID_ARGUMENT */
export function utterancesOf({ text = '', ssml }: Pick<SpeechInput, 'text' | 'ssml'>): Utterance[] {
  const utterances: Utterance[] = ssml === undefined ? [{ type: 'text', text, rate: 1 }] : parseSsml(ssml)
  return utterances.filter((utterance) => utterance.type === 'pause' || isSpeakable(utterance.text))
}

function isSpeakable(text: string): boolean {
  // Letters and digits can always be said, and most texts have one; what symbols become has to be looked at.
  return /[A-Za-z0-9]/.test(text) || sentencesOf(text).some((sentence) => spokenText(sentence) !== '')
}

async function speak(
  model: SpeechModel,
  ffmpeg: Omit<FfmpegOptions, 'signal'>,
  input: SpeechInput,
  context: JobContext,
  live: LiveSpeech,
): Promise<Speech> {
  const { format, voice, speed } = input
  const { sampleRate } = model
  const { signal } = context
  const sentences: SpokenSentence[] = []
  let samplesCount = 0
  let told = -1
  const chunk = (bytes: Uint8Array) => {
    const sentence = Math.max(0, sentences.length - 1)
    const text = told < sentence ? sentences[sentence]?.text : undefined
    if (text !== undefined) told = sentence
    live.add({ bytes, sentence, ...(text === undefined ? {} : { text }) })
  }

  async function* samples(): AsyncGenerator<Float32Array, void, undefined> {
    for await (const spoken of say(model, input, context)) {
      const startMs = Math.round((samplesCount / sampleRate) * 1000)
      samplesCount += spoken.samples.length
      if (spoken.text !== undefined) {
        const sentence = { startMs, endMs: Math.round((samplesCount / sampleRate) * 1000), text: spoken.text }
        sentences.push(sentence)
        context.put(sentence)
      }
      yield spoken.samples
    }
  }

  const encoded = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const bytes of encodeAudio(samples(), sampleRate, format, { ...ffmpeg, signal })) {
      chunk(bytes)
      yield bytes
    }
  }
  const options = {
    role: 'audio',
    contentType: contentTypeOf(format, sampleRate),
    name: `speech.${fileExtensionOf(format)}`,
  }
  const wav = new WholeWav()
  const stored: Artifact =
    format === 'wav'
      ? await context.addOutput(wav.samples(encoded()), { ...options, head: wav.head })
      : await context.addOutput(encoded(), options)
  const durationMs = Math.round((samplesCount / sampleRate) * 1000)
  return { audio: stored.id, sampleRate, channels: 1, durationMs, voice, speed, sentences }
}

/** The sound of sentences, with their text, and of pauses. */
async function* say(
  model: SpeechModel,
  input: SpeechInput,
  { signal, usage, report }: JobContext,
): AsyncGenerator<{ readonly samples: Float32Array; readonly text?: string }, void, undefined> {
  const utterances = utterancesOf(input)
  for (const [place, utterance] of utterances.entries()) {
    report({ stage: 'speaking', fraction: place / utterances.length })
    if (utterance.type === 'pause') {
      yield { samples: new Float32Array(Math.round((utterance.ms / 1000) * model.sampleRate)) }
      continue
    }
    const speed = Math.min(fastest, Math.max(slowest, input.speed * utterance.rate))
    let last = -1
    for await (const event of model.speak(utterance.text, { voice: input.voice, speed, signal })) {
      if (event.type === 'finish') {
        usage(event.usage)
        continue
      }
      const isNew = event.sentence !== last
      last = event.sentence
      yield isNew ? { samples: event.samples, text: event.text } : { samples: event.samples }
    }
  }
}
