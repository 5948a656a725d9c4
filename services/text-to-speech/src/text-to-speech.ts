import { HoldfastError, invalidField } from '@holdfast/errors'
import {
  type Artifact,
  type Job,
  type Jobs,
  type Lineage,
  lineageOfTenant,
  openLineage,
  outputOf,
  type SubmitOptions,
} from '@holdfast/jobs'
import { type AudioFormat, audioFormats, encodedAudio, type Voice } from '@holdfast/models'
import type { DocumentStore, TenantStore } from '@holdfast/persistence'
import type { SpokenChunk } from './live-speech.js'
import type { Speech, SpeechInput } from './speech.js'
import { type SpeechWork, utterancesOf } from './speech-work.js'
import { wavHeaderBytes, withLength } from './whole-wav.js'

export interface SpeakInput {
  readonly text?: string
  readonly ssml?: string
  /** Default: the model's. */
  readonly voice?: string
  /** 0.5 to 2; default 1. */
  readonly speed?: number
  /** Default `wav`. */
  readonly format?: AudioFormat
  /** What the text comes from: a message (`CONVERSATION/SEQ`), or an artifact. Default: the text is kept as one. */
  readonly from?: string
}

export type SpeechJob = Job<SpeechInput, Speech>

export type SpokenEvent =
  | { readonly type: 'started'; readonly jobId: string }
  | ({ readonly type: 'chunk' } & SpokenChunk)
  | { readonly type: 'finished'; readonly job: SpeechJob }

export interface VoiceWithSample extends Voice {
  readonly sample?: Artifact
}

const maxCharacters = 100_000
/** Messages may be gone, and are known to who has conversations. */
const isMessage = /^[^/]{1,200}\/[1-9]\d{0,15}$/
/** Pieces in which stored audio is sent. */
const pieceBytes = 64 * 1024

/** What the service does; knows nothing of the wire. */
export class TextToSpeech {
  readonly jobs: Jobs
  readonly work: SpeechWork
  readonly #store: TenantStore
  readonly #lineage: Lineage
  readonly #samples = new Map<string, Promise<Artifact>>()

  /** @param tenant whose speeches; default: the store's own. `jobs` has to be of the same */
  constructor(jobs: Jobs, store: DocumentStore, work: SpeechWork, tenant?: string) {
    this.jobs = jobs
    this.work = work
    this.#store = tenant === undefined ? store : store.tenant(tenant)
    const lineage = openLineage(store)
    this.#lineage = tenant === undefined ? lineage : lineageOfTenant(lineage, tenant)
  }

  async submit(input: SpeakInput, submit: SubmitOptions = {}): Promise<SpeechJob> {
    return this.jobs.submit(this.work.kind, await this.#checked(input), submit)
  }

  /** Submits, works and waits. @throws what the job failed with */
  async speak(input: SpeakInput, submit: SubmitOptions & { readonly signal?: AbortSignal } = {}): Promise<SpeechJob> {
    const job = await this.jobs.run(this.work.kind, await this.#checked(input), submit)
    outputOf(job)
    return job
  }

  /** The whole file that a job made. */
  async audioOf(job: SpeechJob, sizeBytes: number): Promise<Buffer> {
    const { audio } = outputOf(job)
    const made = this.work.live.find(job.id)?.whole()
    if (made?.length !== sizeBytes) return this.#store.blobs.bytes(audio)
    if (job.input.format !== 'wav') return made
    made.set(withLength(made.subarray(0, wavHeaderBytes), sizeBytes))
    return made
  }

  /** The audio while it is made, sentence by sentence. Leaving the iteration, or the signal, cancels the job. */
  async *stream(
    input: SpeakInput,
    submit: SubmitOptions,
    signal: AbortSignal,
  ): AsyncGenerator<SpokenEvent, void, undefined> {
    const job = await this.jobs.submit(this.work.kind, await this.#checked(input), submit)
    let isOver = false
    try {
      yield { type: 'started', jobId: job.id }
      let sent = 0
      for await (const chunk of this.#live(job, signal)) {
        sent += chunk.bytes.length
        yield { type: 'chunk', ...chunk }
      }
      const done = (await this.jobs.wait(job.id, { signal })) as SpeechJob
      isOver = true
      const speech = outputOf(done)
      for await (const chunk of this.#stored(speech, sent)) yield { type: 'chunk', ...chunk }
      yield { type: 'finished', job: done }
    } finally {
      if (!isOver) await this.jobs.cancel(job.id, { waitMs: 0 }).catch(() => {})
    }
  }

  /** What the job makes here; nothing if it works elsewhere, waits, or is over. */
  async *#live(job: SpeechJob, signal: AbortSignal): AsyncGenerator<SpokenChunk, void, undefined> {
    const here = this.work.live.find(job.id)
    if (here !== undefined) {
      yield* here.chunks(signal)
      return
    }
    if (job.state === 'succeeded') return
    using until = new Until(signal)
    for await (const event of this.jobs.watch(job.id, { signal: until.signal })) {
      if (event.type === 'succeeded' || event.type === 'failed' || event.type === 'cancelled') return
      const begun = this.work.live.find(job.id)
      if (begun === undefined) continue
      yield* begun.chunks(signal)
      return
    }
  }

  /** What is left of a speech after so many bytes of it as a stream. */
  async *#stored({ audio, sentences, sampleRate }: Speech, sent: number): AsyncGenerator<SpokenChunk, void, undefined> {
    const blob = await this.#store.blobs.stat(audio)
    const size = blob?.sizeBytes ?? 0
    if (sent >= size) return
    const { contentType = '' } = blob ?? {}
    const headerBytes = contentType === 'audio/wav' ? wavHeaderBytes : 0
    // Of compressed audio nobody knows where a sentence begins.
    const isPlain = contentType === 'audio/wav' || contentType.startsWith('audio/pcm')
    const starts = isPlain
      ? sentences.map(({ startMs }) => headerBytes + Math.round((startMs * sampleRate) / 1000) * 2)
      : [0]
    let at = sent
    for await (const bytes of this.#store.blobs.get(audio, { start: sent })) {
      for (let from = 0; from < bytes.length;) {
        const sentence = Math.max(
          0,
          starts.findLastIndex((start) => start <= at),
        )
        const next = starts[sentence + 1] ?? Infinity
        const piece = bytes.subarray(from, from + Math.min(pieceBytes, next - at))
        const text = at === starts[sentence] ? sentences[sentence]?.text : undefined
        yield { bytes: piece, sentence, ...(text === undefined ? {} : { text }) }
        at += piece.length
        from += piece.length
      }
    }
  }

  /** @param language BCP 47: voices of it, and of its variants */
  async voices(language: string | undefined, withSamples: boolean): Promise<VoiceWithSample[]> {
    const wanted = language?.toLowerCase()
    const voices = this.work.model.voices.filter(({ language }) => {
      const has = language.toLowerCase()
      return wanted === undefined || has === wanted || has.startsWith(`${wanted}-`)
    })
    if (!withSamples) return [...voices]
    return Promise.all(voices.map(async (voice) => ({ ...voice, sample: await this.#sampleOf(voice) })))
  }

  /** Made once in a process, and stored once for all of them: the same words of the same voice are the same bytes. */
  #sampleOf(voice: Voice): Promise<Artifact> {
    const made = this.#samples.get(voice.id) ?? this.#makeSample(voice)
    this.#samples.set(voice.id, made)
    made.catch(() => this.#samples.delete(voice.id))
    return made
  }

  async #makeSample({ id, name }: Voice): Promise<Artifact> {
    const { model } = this.work
    const parts: Float32Array[] = []
    const [who = name] = name.split(',')
    for await (const event of model.speak(`Hello. This is the voice ${who}. How may I help you?`, { voice: id })) {
      if (event.type === 'audio') parts.push(event.samples)
    }
    const samples = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      samples.set(part, at)
      at += part.length
    }
    const wav = await encodedAudio(samples, model.sampleRate, 'wav')
    return this.#lineage.upload(wav, { contentType: 'audio/wav', name: `${id}.wav` })
  }

  /** @throws UNAVAILABLE, or why the model cannot work */
  async health(): Promise<void> {
    const { state, error } = this.jobs.health()
    if (state === 'failing') throw new HoldfastError('UNAVAILABLE', `Jobs cannot be looked for: ${error}`)
    const check = await this.work.model.check()
    if (!check.ok) throw check.error ?? new HoldfastError('UNAVAILABLE', check.detail)
  }

  /** Refuses at once what no attempt could say, and fills in defaults, so that equal wishes are equal jobs. */
  async #checked({ text, ssml, voice, speed = 1, format = 'wav', from }: SpeakInput): Promise<SpeechInput> {
    const { name, voices } = this.work.model
    if ((text === undefined) === (ssml === undefined)) throw invalidField('text', 'or ssml must be there, and not both')
    const field = text === undefined ? 'ssml' : 'text'
    const { length } = text ?? ssml ?? ''
    if (length > maxCharacters) throw invalidField(field, `has ${length} characters: at most ${maxCharacters}`)
    const utterances = utterancesOf({
      ...(text === undefined ? {} : { text }),
      ...(ssml === undefined ? {} : { ssml }),
    })
    if (!utterances.some(({ type }) => type === 'text')) {
      throw invalidField(field, 'has nothing that can be spoken', { reason: 'NOTHING_TO_SAY' })
    }
    const chosen =
      voice === undefined ? voices.find(({ isDefault }) => isDefault) : voices.find(({ id }) => id === voice)
    if (chosen === undefined && (voice === undefined || voices.length > 0)) {
      const ids = voices.map(({ id }) => id).join(', ')
      throw invalidField('voice', `is ${voice}, which ${name} does not have: it has ${ids}`)
    }
    if (!(speed >= 0.5 && speed <= 2)) throw invalidField('speed', `is ${speed}: it must be from 0.5 to 2`)
    if (!audioFormats.includes(format))
      throw invalidField('format', `is ${format as string}: ${audioFormats.join(', ')}`)
    if (from !== undefined && !isMessage.test(from)) await this.#lineage.get(from)
    const said = text === undefined ? { ssml: ssml ?? '' } : { text }
    return { ...said, voice: chosen?.id ?? voice ?? '', speed, format, ...(from === undefined ? {} : { from }) }
  }
}

/** A signal that aborts with another one, and when it is disposed of. */
class Until implements Disposable {
  readonly #control = new AbortController()
  readonly #of: AbortSignal
  readonly #abort = () => this.#control.abort()

  constructor(signal: AbortSignal) {
    this.#of = signal
    if (signal.aborted) this.#abort()
    signal.addEventListener('abort', this.#abort)
  }

  get signal(): AbortSignal {
    return this.#control.signal
  }

  [Symbol.dispose](): void {
    this.#of.removeEventListener('abort', this.#abort)
    this.#abort()
  }
}
