import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { createClients } from '@holdfast/grpc-clients'
import { ModelOptions, dag, imageGeneration, jobs, speechToText, textToSpeech, vision } from '@holdfast/protocol'
import { type GrpcService, createLogger, defineService, startGrpcServer } from '@holdfast/server'
import type { JsonObject, NodeType } from '../graph/graph.js'
import { nodeTypeDescriptions } from '../graph/node-types.js'
import type { NodeCall } from './node-executor.js'
import { serviceExecutors } from './services.js'

const { JobState } = jobs

/** The names of the fields of a message. */
const fields = (message: object): string[] => Object.keys(message)

describe('the ports of the nodes of services', () => {
  const cases: readonly [NodeType, readonly string[], readonly string[]][] = [
    [
      'speech-to-text',
      [
        ...fields(speechToText.SubmitRequest.fromPartial({})),
        ...fields(speechToText.TranscriptionOptions.fromPartial({})),
      ],
      [
        ...fields(speechToText.Transcript.fromPartial({})).map((name) => (name === 'audioArtifactId' ? 'audio' : name)),
        'job',
      ],
    ],
    [
      'text-to-speech',
      [...fields(textToSpeech.SpeechInput.fromPartial({})), 'text', 'ssml'],
      [...fields(textToSpeech.Speech.fromPartial({})), 'job'],
    ],
    [
      'chat',
      [...fields(ModelOptions.fromPartial({})), 'prompt', 'conversation', 'system'],
      ['text', 'conversation', 'reply', 'model'],
    ],
    [
      'vision',
      [
        ...fields(vision.SubmitRequest.fromPartial({})),
        ...fields(vision.DescribeOptions.fromPartial({})),
        ...fields(vision.DetectOptions.fromPartial({})),
      ],
      [
        ...fields(vision.VisionResult.fromPartial({})),
        ...fields(vision.Detections.fromPartial({})),
        ...fields(vision.ReadTextResult.fromPartial({})),
        ...fields(vision.Comparison.fromPartial({})),
        ...fields(vision.PictureInfo.fromPartial({})),
        'job',
      ],
    ],
    [
      'image-generation',
      [...fields(imageGeneration.ImageSpec.fromPartial({})), ...fields(imageGeneration.ImageEdit.fromPartial({}))],
      [...fields(imageGeneration.GeneratedImage.fromPartial({})), ...fields(imageGeneration.ImageJob.fromPartial({}))],
    ],
    ['custom', [...fields(dag.RunNodeRequest.fromPartial({})), 'service', 'input'], ['output']],
  ]
  for (const [type, inputs, outputs] of cases) {
    it(`of ${type} are fields of its requests and answers`, () => {
      const described = nodeTypeDescriptions[type]
      assert.deepEqual(
        Object.keys(described.inputs).filter((port) => !inputs.includes(port)),
        [],
      )
      assert.deepEqual(
        Object.keys(described.outputs).filter((port) => !outputs.includes(port)),
        [],
      )
    })
  }
})

const call = (type: NodeType, input: JsonObject, more: Partial<NodeCall> = {}): NodeCall => ({
  key: 'dag:r:n:1',
  run: 'r',
  tenant: 'default',
  node: 'n',
  type,
  attempt: 1,
  input,
  signal: new AbortController().signal,
  report: () => {},
  ...more,
})

async function serving(...services: readonly GrpcService[]) {
  const server = await startGrpcServer({
    services,
    listen: '127.0.0.1:0',
    auth: 'none',
    logger: createLogger({ level: 'fatal' }),
    drainMs: 500,
  })
  const clients = createClients({ address: server.address })
  return {
    executors: serviceExecutors(() => clients),
    async [Symbol.asyncDispose]() {
      clients.close()
      await server.stop()
    },
  }
}

const never = async (): Promise<never> => {
  throw new HoldfastError('UNIMPLEMENTED', 'not in this test')
}

/** The service on the wire, its model written by a test: a job runs until the test lets it end. */
function hearing(
  end: (watch: { readonly signal: AbortSignal }) => Promise<Partial<jobs.Job>>,
  seen: speechToText.SubmitRequest[],
  cancelled: string[],
): GrpcService {
  const job = (state: jobs.JobState, more: Partial<jobs.Job> = {}) => jobs.Job.fromPartial({ id: 'j1', state, ...more })
  return defineService(speechToText.SpeechToTextServiceService, {
    async submit(request) {
      seen.push(request)
      return { job: { job: job(JobState.RUNNING), transcript: undefined } }
    },
    async *watch(_request, context) {
      yield {
        event: jobs.JobEvent.fromPartial({
          cursor: 1,
          event: { $case: 'progress', value: { stage: 'listening', fraction: 0.5 } },
        }),
        job: undefined,
      }
      const ended = await end(context)
      const transcript = speechToText.Transcript.fromPartial({
        text: 'hello',
        language: 'en',
        segments: [{ startMs: 0, endMs: 5, text: 'hello' }],
        durationMs: 5,
        audioArtifactId: 'b1',
      })
      yield {
        event: jobs.JobEvent.fromPartial({ cursor: 2, event: { $case: 'succeeded', value: {} } }),
        job: { job: job(ended.state ?? JobState.SUCCEEDED, ended), transcript },
      }
    },
    async cancel({ jobId }) {
      cancelled.push(jobId)
      return { job: { job: job(JobState.CANCELLED), transcript: undefined } }
    },
    get: never,
    list: never,
    retry: never,
    transcribe: never,
    async *streamTranscribe() {
      yield* []
    },
  })
}

describe('a node of a media service', () => {
  it('submits a job under its key, tells its progress, and takes what it made', async () => {
    const seen: speechToText.SubmitRequest[] = []
    const told: unknown[] = []
    await using at = await serving(hearing(async () => ({}), seen, []))
    const outputs = await at.executors['speech-to-text']?.(
      call('speech-to-text', { audio: 'b1', language: 'en' }, { report: (progress) => told.push(progress) }),
    )
    assert.deepEqual(outputs, {
      text: 'hello',
      language: 'en',
      segments: [{ startMs: 0, endMs: 5, text: 'hello' }],
      durationMs: 5,
      audio: 'b1',
      job: 'j1',
    })
    const [request] = seen
    assert.deepEqual(
      [request?.options?.key, request?.options?.labels, request?.audio?.source, request?.transcription?.language],
      ['dag:r:n:1', ['dag:r'], { $case: 'artifactId', value: 'b1' }, 'en'],
    )
    assert.deepEqual(told, [{ stage: 'listening', fraction: 0.5 }])
  })

  it('fails as its job fails', async () => {
    const error = jobs.JobError.fromPartial({
      code: 'FAILED_PRECONDITION',
      message: 'no model',
      reason: 'MODEL_NOT_INSTALLED',
    })
    await using at = await serving(hearing(async () => ({ state: JobState.FAILED, error }), [], []))
    await assert.rejects(async () => at.executors['speech-to-text']?.(call('speech-to-text', { audio: 'b1' })), {
      code: 'FAILED_PRECONDITION',
      reason: 'MODEL_NOT_INSTALLED',
    })
  })

  it('cancels its job when it is cancelled', async () => {
    const cancelled: string[] = []
    const control = new AbortController()
    const waits = ({ signal }: { readonly signal: AbortSignal }) => {
      control.abort()
      return new Promise<Partial<jobs.Job>>((resolve) => signal.addEventListener('abort', () => resolve({})))
    }
    await using at = await serving(hearing(waits, [], cancelled))
    await assert.rejects(
      async () => at.executors['speech-to-text']?.(call('speech-to-text', { audio: 'b1' }, { signal: control.signal })),
      { code: 'CANCELLED' },
    )
    while (cancelled.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(cancelled, ['j1'])
  })
})
