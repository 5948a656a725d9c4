import { HoldfastError, invalidField } from '@holdfast/errors'
import { type Job, type Jobs, outputOf, type SubmitOptions } from '@holdfast/jobs'
import type { FiledRecordings } from './filed-recordings.js'
import type { LiveEvent } from './live-streams.js'
import { checkEncoding, type StreamEncoding } from './stream-encoding.js'
import type { Transcript } from './transcript.js'
import type { TranscriptionInput, TranscriptionWork } from './transcription-work.js'

export interface HearOptions {
  /** BCP 47. */
  readonly language?: string
  /** At most 4,096 characters. */
  readonly prompt?: string
  /** Whose recording it is: what is said in it is filed among what the user said. Default: nobody's. */
  readonly userId?: string
}

export interface HearStreamOptions extends HearOptions {
  readonly encoding: StreamEncoding
  /** Whether `interim` events are wanted. */
  readonly interim: boolean
  readonly submit?: Omit<SubmitOptions, 'useCache' | 'maxAttempts' | 'inputs'>
}

export type TranscriptionJob = Job<TranscriptionInput, Transcript>

export type HeardEvent =
  | { readonly type: 'started'; readonly jobId: string }
  | LiveEvent
  | { readonly type: 'finished'; readonly job: TranscriptionJob }

/** How often a stream's job may come to a process that does not receive it. */
const streamAttempts = 20

/** What the service does; knows nothing of the wire. */
export class SpeechToText {
  readonly jobs: Jobs
  readonly work: TranscriptionWork
  readonly #recordings: FiledRecordings | undefined

  constructor(jobs: Jobs, work: TranscriptionWork, recordings?: FiledRecordings) {
    this.jobs = jobs
    this.work = work
    this.#recordings = recordings
  }

  /** @param audio id of the artifact */
  async submit(audio: string, options: HearOptions, submit: SubmitOptions = {}): Promise<TranscriptionJob> {
    const input = { audio, ...this.#checked(options) }
    const job = await this.jobs.submit(this.work.kind, input, { ...submit, inputs: [audio] })
    await this.#file(job, options)
    return job
  }

  /** Submits, works and waits. @throws what the job failed with */
  async transcribe(
    audio: string,
    options: HearOptions,
    submit: SubmitOptions & { readonly signal?: AbortSignal } = {},
  ): Promise<TranscriptionJob> {
    const { signal, ...asked } = submit
    if (options.userId === undefined) {
      const input = { audio, ...this.#checked(options) }
      const job = await this.jobs.run(this.work.kind, input, { ...submit, inputs: [audio] })
      outputOf(job)
      return job
    }
    const { id } = await this.submit(audio, options, asked)
    const job = (await this.jobs.wait(id, signal === undefined ? {} : { signal })) as TranscriptionJob
    outputOf(job)
    return job
  }

  /** Hears audio while it arrives. Leaving the iteration, or the signal, cancels the job. */
  async *stream(
    audio: AsyncIterable<Uint8Array>,
    { encoding, interim, submit = {}, ...options }: HearStreamOptions,
    signal: AbortSignal,
  ): AsyncGenerator<HeardEvent, void, undefined> {
    checkEncoding(encoding)
    const checked = this.#checked(options)
    const stream = this.work.streams.open(audio, interim)
    let job: TranscriptionJob | undefined
    let isOver = false
    const cancel = () => {
      if (job !== undefined && !isOver) void this.jobs.cancel(job.id, { waitMs: 0 }).catch(() => {})
    }
    signal.addEventListener('abort', cancel)
    try {
      const input = { stream: { id: stream.id, encoding }, ...checked }
      job = await this.jobs.submit(this.work.kind, input, { ...submit, useCache: false, maxAttempts: streamAttempts })
      await this.#file(job, options)
      yield { type: 'started', jobId: job.id }
      const ended = this.jobs.wait(job.id, { signal }).finally(() => stream.end())
      ended.catch(() => {})
      yield* stream.events()
      const done = (await ended) as TranscriptionJob
      isOver = true
      outputOf(done)
      yield { type: 'finished', job: done }
    } finally {
      signal.removeEventListener('abort', cancel)
      this.work.streams.close(stream)
      cancel()
    }
  }

  /** @throws UNAVAILABLE, or why the model cannot work */
  async health(): Promise<void> {
    const { state, error } = this.jobs.health()
    if (state === 'failing') throw new HoldfastError('UNAVAILABLE', `Jobs cannot be looked for: ${error}`)
    const check = await this.work.model.check()
    if (!check.ok) throw check.error ?? new HoldfastError('UNAVAILABLE', check.detail)
  }

  /** Before the job is answered, so that what was answered is filed. */
  async #file(job: Job, { userId }: HearOptions): Promise<void> {
    if (userId !== undefined) await this.#recordings?.note(job, userId)
  }

  #checked({ language, prompt, userId }: HearOptions): Pick<HearOptions, 'language' | 'prompt'> {
    if (userId !== undefined && this.#recordings === undefined) {
      throw new HoldfastError('FAILED_PRECONDITION', 'This server keeps no conversations: name no user', {
        reason: 'NO_CONVERSATIONS',
      })
    }
    if (userId !== undefined && !/^[\p{L}\p{N}\p{P}\p{S}]{1,200}$/u.test(userId)) {
      throw invalidField('userId', 'must be 1 to 200 visible characters, without spaces')
    }
    const known = this.work.model.languages
    const matches = (tag: string) => tag.toLowerCase().split('-')[0] === language?.toLowerCase().split('-')[0]
    if (language !== undefined && known.length > 0 && !known.some(matches)) {
      throw invalidField('language', `is ${language}: ${this.work.model.name} knows ${known.join(', ')}`)
    }
    if ((prompt?.length ?? 0) > 4_096) throw invalidField('prompt', 'has more than 4,096 characters')
    return { ...(language === undefined ? {} : { language }), ...(prompt === undefined ? {} : { prompt }) }
  }
}
