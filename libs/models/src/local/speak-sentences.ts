import { HoldfastError, invalidField } from '@holdfast/errors'
import type { SpeakOptions, SpeechEvent, Voice } from '../speech-model.js'
import { sentencesOf } from './normaliser/sentences.js'
import { spokenText } from './normaliser/spoken-text.js'

export interface SentenceSpeech {
  readonly samples: Float32Array
  readonly computeMs: number
}

/** How a local model says one sentence. */
export type SaySentence = (
  spoken: string,
  how: { readonly voice: string; readonly speed: number; readonly signal: AbortSignal },
) => Promise<SentenceSpeech>

const speeds = { least: 0.5, most: 2 }

/** `SpeechModel.speak` over a model that says one sentence at a time. While the caller works on the sound of one, the next one is made;
 *  no more than that. */
export async function* speakSentences(
  model: {
    readonly name: string
    readonly voices: readonly Voice[]
    readonly sampleRate: number
    readonly say: SaySentence
  },
  text: string,
  options: SpeakOptions = {},
): AsyncGenerator<SpeechEvent, void, undefined> {
  const voice = voiceOf(model, options.voice)
  const { speed = 1, signal } = options
  if (!(speed >= speeds.least && speed <= speeds.most)) {
    throw invalidField('speed', `is ${speed}: it must be from ${speeds.least} to ${speeds.most}`)
  }
  const sentences = sentencesOf(text)
    .map((sentence) => ({ text: sentence, spoken: spokenText(sentence) }))
    .filter(({ spoken }) => spoken !== '')
  if (sentences.length === 0) {
    throw invalidField('text', 'has nothing that can be spoken', { reason: 'NOTHING_TO_SAY' })
  }

  const left = new AbortController()
  const stop = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal])
  const say = (index: number): Promise<SentenceSpeech> | undefined => {
    const sentence = sentences[index]
    const speech = sentence === undefined ? undefined : model.say(sentence.spoken, { voice, speed, signal: stop })
    // It is awaited later; until then a failure is nobody's.
    speech?.catch(() => {})
    return speech
  }
  let samplesCount = 0
  let computeMs = 0
  try {
    let next = say(0)
    for (const [sentence, { text }] of sentences.entries()) {
      if (signal?.aborted === true) throw new HoldfastError('CANCELLED', `The speech by ${model.name} was cancelled`)
      const { samples, computeMs: ms } = (await next) as SentenceSpeech
      next = say(sentence + 1)
      samplesCount += samples.length
      computeMs += ms
      yield { type: 'audio', samples, sentence, text }
    }
  } finally {
    left.abort()
  }
  const durationMs = Math.round((samplesCount / model.sampleRate) * 1000)
  const usage = { characters: text.length, audioMs: durationMs, computeMs: Math.round(computeMs) }
  yield { type: 'finish', durationMs, usage }
}

function voiceOf({ name, voices }: { name: string; voices: readonly Voice[] }, wanted: string | undefined): string {
  const voice =
    wanted === undefined ? voices.find(({ isDefault }) => isDefault) : voices.find(({ id }) => id === wanted)
  if (voice !== undefined) return voice.id
  const ids = voices.map(({ id }) => id).join(', ')
  throw invalidField('voice', `is ${wanted}, which ${name} does not have: it has ${ids}`)
}
