import { wavFile } from '../audio/wav.js'
import { PauseCutter, type Piece } from '../local/moonshine/pause-cutter.js'
import {
  type TranscribeOptions,
  type TranscriptionEvent,
  type TranscriptionModel,
  type TranscriptSegment,
  transcriptionSampleRate,
} from '../transcription-model.js'
import { JsonAnswer } from './json-answer.js'
import { languageTag } from './language-names.js'
import { OpenAiServiceModel, type OpenAiServiceModelOptions } from './service-model-base.js'

export interface OpenAiTranscriptionOptions extends OpenAiServiceModelOptions {
  /** The longest file that is sent to an endpoint that says when each segment was said; default 300. Others, and whoever wants interim results,
   *  get a file for each stretch between two pauses, at most 30 s. OpenAI takes 25 MB, which are 13 minutes. */
  readonly maxFileSeconds?: number
}

/** A transcription model behind `/audio/transcriptions`. Audio is cut at pauses into WAV files, which are sent one after the other, while the
 *  rest still arrives. Errors as of `openAiCompatibleModel`.
 *  @throws INVALID_ARGUMENT when an option is invalid */
export function openAiTranscriptionModel(options: OpenAiTranscriptionOptions): TranscriptionModel {
  return new OpenAiTranscriptionModel(options)
}

interface Heard {
  readonly segments: readonly TranscriptSegment[]
  readonly language: string | undefined
  readonly inputTokens: number
  readonly outputTokens: number
}

class OpenAiTranscriptionModel extends OpenAiServiceModel implements TranscriptionModel {
  readonly languages: readonly string[] = []
  readonly #maxFileMs: number
  /** `undefined`: not known yet. OpenAI's newer models do not. */
  #saysWhen: boolean | undefined

  constructor({ maxFileSeconds = 300, ...options }: OpenAiTranscriptionOptions) {
    super(options)
    this.#maxFileMs = maxFileSeconds * 1000
    if (options.model.startsWith('gpt-4o')) this.#saysWhen = false
  }

  async *transcribe(
    audio: AsyncIterable<Float32Array>,
    options: TranscribeOptions = {},
  ): AsyncGenerator<TranscriptionEvent, void, undefined> {
    const cutter = new PauseCutter()
    let language = options.language
    let [inputTokens, outputTokens] = [0, 0]
    let waiting: Piece[] = []
    const hear = async (): Promise<readonly TranscriptSegment[]> => {
      const pieces = waiting
      waiting = []
      if (pieces.length === 0) return []
      const heard = await this.#hear(pieces, options)
      language ??= heard.language
      inputTokens += heard.inputTokens
      outputTokens += heard.outputTokens
      return heard.segments
    }
    const events = async function* (): AsyncGenerator<TranscriptionEvent, void, undefined> {
      for (const segment of await hear()) yield { type: 'segment', segment }
    }

    for await (const chunk of audio) {
      for (const piece of cutter.push(chunk)) {
        const isAlone = this.#saysWhen !== true || options.interim === true
        if (!isAlone && durationOf([...waiting, piece]) > this.#maxFileMs) yield* events()
        waiting.push(piece)
        if (isAlone) yield* events()
      }
    }
    const last = cutter.end()
    if (last !== undefined) {
      if (durationOf([...waiting, last]) > this.#maxFileMs || this.#saysWhen !== true) yield* events()
      waiting.push(last)
    }
    yield* events()
    const tokens = inputTokens + outputTokens === 0 ? {} : { inputTokens, outputTokens }
    yield {
      type: 'finish',
      // "Undetermined", where there was nothing to hear or the endpoint does not say.
      language: language ?? 'und',
      durationMs: cutter.durationMs,
      silenceMs: cutter.silenceMs,
      usage: { audioMs: cutter.durationMs, ...tokens },
    }
  }

  async #hear(pieces: readonly Piece[], { language, prompt = '', signal }: TranscribeOptions): Promise<Heard> {
    const { client, settings, redact } = this.endpoint
    const samples = joined(pieces.map((piece) => piece.samples))
    const file = new File([new Uint8Array(wavFile(samples, transcriptionSampleRate))], 'audio.wav', {
      type: 'audio/wav',
    })
    // ISO 639-1, as the endpoint wants it.
    const spoken = language === undefined ? {} : { language: language.split('-')[0] ?? language }
    const asked = { file, model: settings.model, ...spoken, ...(prompt === '' ? {} : { prompt }) }
    const body = await this.endpoint.answer<unknown>(
      signal,
      (until) =>
        this.#saysWhen === false
          ? client.audio.transcriptions.create({ ...asked, response_format: 'json' }, { signal: until })
          : client.audio.transcriptions.create(
              { ...asked, response_format: 'verbose_json', timestamp_granularities: ['segment'] },
              { signal: until },
            ),
      ({ reason, message }) => {
        const isOther = this.#saysWhen !== false && /response_format|verbose_json|timestamp_granularities/.test(message)
        if (reason !== 'MODEL_REQUEST_REJECTED' || !isOther) return false
        this.#saysWhen = false
        return true
      },
    )
    const answer = new JsonAnswer(body, redact)
    const text = answer.required(answer.text('text'), 'a text').trim()
    const timed = timedSegments(answer.member('segments')?.items() ?? [], pieces)
    if (text !== '') this.#saysWhen ??= timed.length > 0
    const usage = answer.member('usage')
    return {
      segments: timed.length > 0 || text === '' ? timed : [{ ...spanOf(pieces), text }],
      language: languageTag(answer.text('language')),
      inputTokens: usage?.number('input_tokens') ?? 0,
      outputTokens: usage?.number('output_tokens') ?? 0,
    }
  }
}

function durationOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { samples }) => sum + msOf(samples.length), 0)
}

function msOf(samples: number): number {
  return (samples / transcriptionSampleRate) * 1000
}

function spanOf(pieces: readonly Piece[]): { startMs: number; endMs: number } {
  return { startMs: pieces[0]?.startMs ?? 0, endMs: pieces.at(-1)?.endMs ?? 0 }
}

/** Segments with their places in the audio, of which the file is only the pieces with speech, one behind the other. */
function timedSegments(items: readonly JsonAnswer[], pieces: readonly Piece[]): TranscriptSegment[] {
  const segments: TranscriptSegment[] = []
  for (const item of items) {
    const text = item.text('text')?.trim() ?? ''
    const [start, end] = [item.number('start'), item.number('end')]
    if (text === '' || start === undefined || end === undefined) continue
    const startMs = Math.max(placeOf(start * 1000, pieces), segments.at(-1)?.endMs ?? 0)
    segments.push({ startMs, endMs: Math.max(startMs, placeOf(end * 1000, pieces)), text })
  }
  return segments
}

function placeOf(fileMs: number, pieces: readonly Piece[]): number {
  let before = 0
  for (const [index, piece] of pieces.entries()) {
    const ms = msOf(piece.samples.length)
    if (fileMs < before + ms || index === pieces.length - 1) {
      // The piece begins with as much silence as it ends with.
      const margin = (ms - (piece.endMs - piece.startMs)) / 2
      const place = piece.startMs + fileMs - before - margin
      return Math.round(Math.min(piece.endMs, Math.max(piece.startMs, place)))
    }
    before += ms
  }
  return 0
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
