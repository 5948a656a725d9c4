import { HoldfastError, invalidField } from '@holdfast/errors'
import { jobMethods, jobToWire, submitOptions, takeMedia } from '@holdfast/job-service'
import type { Job } from '@holdfast/jobs'
import type { TenantStore } from '@holdfast/persistence'
import { type jobs as jobsWire, speechToText as wire } from '@holdfast/protocol'
import { type CallContext, defineService, type GrpcService } from '@holdfast/server'
import type { HeardEvent, HearOptions, SpeechToText } from './speech-to-text.js'
import type { StreamEncoding } from './stream-encoding.js'
import type { Transcript } from './transcript.js'

/** holdfast.speech_to_text.v1.SpeechToTextService: requests to what the service does, what it answers to responses, and nothing else. */
export function speechToTextGrpcService(engine: SpeechToText, store: TenantStore): GrpcService {
  const { jobs, work } = engine
  const message = (job: jobsWire.Job, stored: Job, isListed: boolean): wire.TranscriptionJob => ({
    job,
    transcript: isListed || stored.output === undefined ? undefined : transcriptToWire(stored.output as Transcript),
  })
  const whole = (job: Job) => message(jobToWire(job, { hasTypedOutput: true }), job, false)
  const take = (audio: jobsWire.Media | undefined, { signal }: CallContext) =>
    takeMedia(store, audio, { field: 'audio', maxBytes: work.maxBytes, signal })

  return defineService(wire.SpeechToTextServiceService, {
    ...jobMethods({ jobs, kind: work.kind.name, message }),

    submit: (request, context) =>
      named('transcription.', async () => {
        const options = submitOptions(request.options)
        const { id } = await take(request.audio, context)
        const job = await engine.submit(id, hearOptions(request.transcription), options)
        context.annotate({ jobId: job.id })
        return { job: whole(job) }
      }),

    transcribe: (request, context) =>
      named('transcription.', async () => {
        const options = submitOptions(request.options)
        const { id } = await take(request.audio, context)
        const { signal } = context
        const job = await engine.transcribe(id, hearOptions(request.transcription), { ...options, signal })
        context.annotate({ jobId: job.id })
        return { job: whole(job) }
      }),

    async *streamTranscribe(requests, context) {
      const parts = requests[Symbol.asyncIterator]()
      try {
        const first = await parts.next()
        const config = first.done === true ? undefined : first.value.part
        if (config?.$case !== 'config') throw invalidField('config', 'is missing: it has to come first')
        const { useCache: _, maxAttempts, ...submit } = submitOptions(config.value.options)
        if (maxAttempts !== undefined) throw invalidField('config.options.max_attempts', 'is not for streams')
        const options = {
          ...hearOptions(config.value.transcription),
          encoding: encodingOf(config.value),
          interim: config.value.interimResults,
          submit,
        }
        for await (const event of engine.stream(audioOf(parts), options, context.signal)) {
          if (event.type === 'started') context.annotate({ jobId: event.jobId })
          yield { event: eventToWire(event, whole) }
        }
      } catch (error) {
        throw renamed(error, 'config.')
      } finally {
        await parts.return?.()
      }
    },
  })
}

async function* audioOf(parts: AsyncIterator<wire.StreamTranscribeRequest>): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { done, value } = await parts.next()
    if (done === true) return
    if (value.part?.$case !== 'audio') throw invalidField('part', 'must be audio: the config came already')
    yield value.part.value
  }
}

function hearOptions(options: wire.TranscriptionOptions | undefined): HearOptions {
  const { language = '', prompt = '', userId = '' } = options ?? {}
  return {
    ...(language === '' ? {} : { language }),
    ...(prompt === '' ? {} : { prompt }),
    ...(userId === '' ? {} : { userId }),
  }
}

function encodingOf({ encoding, sampleRateHz, channels }: wire.StreamTranscribeConfig): StreamEncoding {
  const pcm = { sampleRate: sampleRateHz, channels: channels === 0 ? 1 : channels }
  switch (encoding) {
    case wire.StreamEncoding.PCM_S16LE:
      return { type: 'pcm-s16le', ...pcm }
    case wire.StreamEncoding.PCM_F32LE:
      return { type: 'pcm-f32le', ...pcm }
    case wire.StreamEncoding.UNSPECIFIED:
    case wire.StreamEncoding.CONTAINER:
      return { type: 'container' }
    default:
      throw invalidField('config.encoding', `is ${encoding}: there is no such encoding`)
  }
}

function eventToWire(
  event: HeardEvent,
  whole: (job: Job) => wire.TranscriptionJob,
): wire.StreamTranscribeResponse['event'] {
  switch (event.type) {
    case 'started':
      return { $case: 'started', value: { jobId: event.jobId } }
    case 'interim':
      return { $case: 'interim', value: { startMs: event.startMs, text: event.text } }
    case 'segment':
      return { $case: 'segment', value: event.segment }
    case 'finished':
      return { $case: 'finished', value: whole(event.job) }
  }
}

function transcriptToWire({ audio, segments, ...transcript }: Transcript): wire.Transcript {
  return { ...transcript, segments: [...segments], audioArtifactId: audio }
}

async function named<T>(prefix: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw renamed(error, prefix)
  }
}

const inside: Readonly<Record<string, string>> = {
  language: 'language',
  prompt: 'prompt',
  userId: 'user_id',
  sampleRateHz: 'sample_rate_hz',
  channels: 'channels',
}

/** The same error with its field named as the caller wrote it. */
function renamed(error: unknown, prefix: string): unknown {
  if (!(error instanceof HoldfastError)) return error
  const [violation] = error.fields
  const name = inside[violation?.field ?? '']
  if (violation === undefined || name === undefined) return error
  const isOption = name === 'language' || name === 'prompt' || name === 'user_id'
  const path = prefix === 'config.' && isOption ? 'config.transcription.' : prefix
  return invalidField(`${path}${name}`, violation.description, { cause: error, reason: error.reason })
}
