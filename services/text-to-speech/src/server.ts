import { HoldfastError, invalidField } from '@holdfast/errors'
import { artifactToWire, jobMethods, jobToWire, modelToWire, submitOptions } from '@holdfast/job-service'
import type { Job } from '@holdfast/jobs'
import { type AudioFormat, contentTypeOf } from '@holdfast/models'
import type { TenantStore } from '@holdfast/persistence'
import { type jobs as jobsWire, textToSpeech as wire } from '@holdfast/protocol'
import { defineService, type GrpcService } from '@holdfast/server'
import type { Speech } from './speech.js'
import type { SpeakInput, SpeechJob, SpokenEvent, TextToSpeech } from './text-to-speech.js'

/** What an answer may hold beside its audio. */
const answerRoomBytes = 256 * 1024

const formats: ReadonlyMap<wire.AudioFormat, AudioFormat> = new Map([
  [wire.AudioFormat.UNSPECIFIED, 'wav'],
  [wire.AudioFormat.WAV, 'wav'],
  [wire.AudioFormat.PCM_S16LE, 'pcm'],
  [wire.AudioFormat.MP3, 'mp3'],
  [wire.AudioFormat.OGG_OPUS, 'opus'],
  [wire.AudioFormat.FLAC, 'flac'],
  [wire.AudioFormat.M4A, 'm4a'],
])

/** holdfast.text_to_speech.v1.TextToSpeechService: requests to what the service does, what it answers to responses, and nothing else. */
export function textToSpeechGrpcService(
  engine: TextToSpeech,
  store: TenantStore,
  maxMessageBytes: number,
): GrpcService {
  const { jobs, work } = engine
  const { model } = work
  const message = (job: jobsWire.Job, stored: Job, isListed: boolean): wire.SpeechJob => ({
    job,
    speech: isListed || stored.output === undefined ? undefined : speechToWire(stored as SpeechJob),
  })
  const whole = (job: Job) => message(jobToWire(job, { hasTypedOutput: true }), job, false)

  return defineService(wire.TextToSpeechServiceService, {
    ...jobMethods({ jobs, kind: work.kind.name, message }),

    submit: ({ input, options }, context) =>
      named(async () => {
        const job = await engine.submit(inputOf(input), submitOptions(options))
        context.annotate({ jobId: job.id })
        return { job: whole(job) }
      }),

    speak: ({ input, options }, context) =>
      named(async () => {
        const { signal } = context
        const job = await engine.speak(inputOf(input), { ...submitOptions(options), signal })
        context.annotate({ jobId: job.id })
        const audio = job.output?.audio ?? ''
        const artifact = job.outputs.find(({ id }) => id === audio) ?? (await store.blobs.stat(audio))
        const sizeBytes = artifact?.sizeBytes ?? 0
        if (sizeBytes > maxMessageBytes - answerRoomBytes) {
          throw new HoldfastError(
            'RESOURCE_EXHAUSTED',
            `The audio of job ${job.id} has ${sizeBytes} bytes, which do not fit into an answer: download artifact ${audio}`,
            { reason: 'AUDIO_TOO_LARGE', metadata: { jobId: job.id, artifactId: audio } },
          )
        }
        const contentType = artifact?.contentType ?? ''
        return { audio: await engine.audioOf(job, sizeBytes), contentType, job: whole(job) }
      }),

    async *streamSpeak({ input, options }, context) {
      try {
        const wanted = inputOf(input)
        for await (const event of engine.stream(wanted, submitOptions(options), context.signal)) {
          if (event.type === 'started') context.annotate({ jobId: event.jobId })
          yield { event: eventToWire(event, wanted.format ?? 'wav', model.sampleRate, whole) }
        }
      } catch (error) {
        throw renamed(error)
      }
    },

    listVoices: async ({ language, withSamples }) => ({
      voices: (await engine.voices(language === '' ? undefined : language, withSamples)).map(
        ({ sample, ...voice }) => ({
          ...voice,
          sample: sample === undefined ? undefined : artifactToWire(sample),
        }),
      ),
      model: modelToWire(model),
    }),
  })
}

function inputOf(input: wire.SpeechInput | undefined): SpeakInput {
  const source = input?.source
  if (input === undefined || source === undefined) throw invalidField('text', 'is missing: give it, or ssml')
  const format = formats.get(input.format)
  if (format === undefined) throw invalidField('format', `is ${input.format}: there is no such format`)
  return {
    ...(source.$case === 'text' ? { text: source.value } : { ssml: source.value }),
    ...(input.voice === '' ? {} : { voice: input.voice }),
    ...(input.speed === 0 ? {} : { speed: input.speed }),
    format,
    ...(input.madeFromId === '' ? {} : { from: input.madeFromId }),
  }
}

function speechToWire({ output, outputs }: SpeechJob): wire.Speech | undefined {
  if (output === undefined) return undefined
  const { audio, sampleRate, channels, durationMs, voice, speed, sentences }: Speech = output
  const artifact = outputs.find(({ id }) => id === audio)
  return {
    audio: artifact === undefined ? undefined : artifactToWire(artifact),
    sampleRateHz: sampleRate,
    channels,
    durationMs,
    voice,
    speed,
    sentences: [...sentences],
  }
}

function eventToWire(
  event: SpokenEvent,
  format: AudioFormat,
  sampleRateHz: number,
  whole: (job: Job) => wire.SpeechJob,
): wire.StreamSpeakResponse['event'] {
  switch (event.type) {
    case 'started': {
      const contentType = contentTypeOf(format, sampleRateHz)
      return { $case: 'started', value: { jobId: event.jobId, contentType, sampleRateHz, channels: 1 } }
    }
    case 'chunk': {
      const { bytes, sentence, text = '' } = event
      return {
        $case: 'chunk',
        value: { audio: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), sentence, text },
      }
    }
    case 'finished':
      return { $case: 'finished', value: whole(event.job) }
  }
}

async function named<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw renamed(error)
  }
}

/** The same error with its field named as the caller wrote it. */
function renamed(error: unknown): unknown {
  if (!(error instanceof HoldfastError)) return error
  const [violation] = error.fields
  if (violation === undefined || !['text', 'ssml', 'voice', 'speed', 'format'].includes(violation.field)) return error
  return invalidField(`input.${violation.field}`, violation.description, { cause: error, reason: error.reason })
}
