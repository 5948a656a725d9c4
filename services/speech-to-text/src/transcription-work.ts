import { type JobContext, type JobKind, jobKind } from '@holdfast/jobs'
import { type OpenAudioOptions, openAudio, type TranscriptionModel, type TranscriptSegment } from '@holdfast/models'
import { type LiveStream, LiveStreams } from './live-streams.js'
import { RecordedBytes } from './record-bytes.js'
import { asFile, contentTypeOf, type StreamEncoding } from './stream-encoding.js'
import { type Transcript, transcriptOf } from './transcript.js'

/** As it is stored with the job. */
export interface TranscriptionInput {
  /** Id of the artifact to hear; absent: a stream. */
  readonly audio?: string
  /** A stream that a process receives; it can be heard only there, and once. */
  readonly stream?: { readonly id: string; readonly encoding: StreamEncoding }
  readonly language?: string
  readonly prompt?: string
}

export interface TranscriptionWorkOptions {
  readonly model: TranscriptionModel
  /** Longer audio is refused; default 4 hours. */
  readonly maxDurationMs?: number
  /** Default 2 GiB. */
  readonly maxBytes?: number
  readonly ffmpeg?: OpenAudioOptions['ffmpeg']
  /** Attempts at once over all processes; default: as many as there are workers. */
  readonly perModel?: number
  readonly perTenant?: number
}

/** What a process needs to transcribe: the kind of job for `openJobs`, and what `createSpeechToTextService` serves. */
export interface TranscriptionWork {
  readonly kind: JobKind<TranscriptionInput, Transcript>
  readonly model: TranscriptionModel
  readonly streams: LiveStreams
  readonly maxBytes: number
}

export function transcriptionWork(options: TranscriptionWorkOptions): TranscriptionWork {
  const { model, maxBytes = 2 * 1024 ** 3, perModel, perTenant } = options
  const { name, version, provider, canStop } = model
  const streams = new LiveStreams()
  const parameters = ({ language, prompt }: TranscriptionInput) => ({ language, prompt })
  const kind = jobKind<TranscriptionInput, Transcript>({
    name: 'speech-to-text',
    // An endpoint may cost money.
    startsEarly: provider === 'local',
    model: () => ({ name, version, provider, canStop }),
    cache: (input) => (input.audio === undefined ? undefined : parameters(input)),
    parameters,
    outputRole: 'transcript',
    concurrency: {
      ...(perModel === undefined ? {} : { perModel }),
      ...(perTenant === undefined ? {} : { perTenant }),
    },
    run: (input, context) =>
      input.stream === undefined
        ? hearArtifact({ ...options, maxBytes }, input, context)
        : hearStream({ ...options, maxBytes }, streams.find(input.stream.id), input, context),
  })
  return { kind, model, streams, maxBytes }
}

async function hearArtifact(
  options: TranscriptionWorkOptions,
  input: TranscriptionInput,
  context: JobContext,
): Promise<Transcript> {
  const { audio = '' } = input
  const { blobs } = context.store
  const sizeBytes = (await blobs.stat(audio))?.sizeBytes ?? 0
  let read = 0
  const counted = (async function* () {
    for await (const bytes of blobs.get(audio)) {
      read += bytes.length
      if (read < sizeBytes) context.report({ stage: 'transcribing', fraction: read / sizeBytes })
      yield bytes
    }
  })()
  return { ...(await hear(options, counted, input, context)), audio }
}

async function hearStream(
  options: TranscriptionWorkOptions,
  stream: LiveStream,
  input: TranscriptionInput,
  context: JobContext,
): Promise<Transcript> {
  const { encoding = { type: 'container' } } = input.stream ?? {}
  const contentType = contentTypeOf(encoding)
  const file = asFile(encoding, stream.takeAudio())
  const recorded = new RecordedBytes(context.store.blobs, file, contentType, context.signal)
  const transcript = await hear(options, recorded, input, context, stream)
  const artifact = context.linkOutput(await recorded.stored, { role: 'audio', contentType })
  return { ...transcript, audio: artifact.id }
}

async function hear(
  { model, maxDurationMs, maxBytes, ffmpeg }: TranscriptionWorkOptions,
  bytes: AsyncIterable<Uint8Array>,
  { language, prompt }: TranscriptionInput,
  { signal, put, usage }: JobContext,
  stream?: LiveStream,
): Promise<Transcript> {
  const { samples } = await openAudio(bytes, {
    signal,
    ...(maxDurationMs === undefined ? {} : { maxDurationMs }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(ffmpeg === undefined ? {} : { ffmpeg }),
  })
  const segments: TranscriptSegment[] = []
  const events = model.transcribe(samples, {
    signal,
    interim: stream?.wantsInterim ?? false,
    ...(language === undefined ? {} : { language }),
    ...(prompt === undefined ? {} : { prompt }),
  })
  for await (const event of events) {
    if (event.type === 'finish') {
      usage(event.usage)
      const { language, durationMs, silenceMs } = event
      return transcriptOf(segments, { language, durationMs, silenceMs, audio: '' })
    }
    if (event.type === 'segment') {
      segments.push(event.segment)
      put(event.segment)
    }
    stream?.emit(event)
  }
  throw new Error(`The model ${model.name} broke its promise to finish`)
}
