import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clients, createClients } from '@holdfast/grpc-clients'
import { createImageGenerationService, imageWork } from '@holdfast/image-generation'
import { openJobs } from '@holdfast/jobs'
import { fliteModel, localVisionModel, moonshineModel, proceduralImageModel } from '@holdfast/models'
import { openDocumentStore } from '@holdfast/persistence'
import { jobs as wire, vision as visionWire } from '@holdfast/protocol'
import { createLogger, startGrpcServer } from '@holdfast/server'
import { createSpeechToTextService, transcriptionWork } from '@holdfast/speech-to-text'
import { createTextToSpeechService, speechWork } from '@holdfast/text-to-speech'
import { createVisionService, visionWork } from '@holdfast/vision-ai'
import { rounded } from '../rounds.js'
import type { MediaReport } from './media-report.js'

const sentence = 'Nobody knew how long the journey would take, or what they would find at the other end of it. '
const options = { noCache: true }

interface Cancelled {
  readonly job: { readonly job: wire.Job | undefined } | undefined
}

interface Cancellable {
  readonly canStop: boolean
  submit(): Promise<Cancelled>
  get(request: { readonly jobId: string }): Promise<Cancelled>
  cancel(request: { readonly jobId: string }): Promise<Cancelled>
}

/** From a client's cancellation until the job has ended, and with it its model where that can be stopped; and whether the service says so. */
export async function cancelling(report: MediaReport): Promise<void> {
  await using ear = moonshineModel()
  await using voice = fliteModel()
  await using eye = localVisionModel()
  await using brush = proceduralImageModel()
  await using store = await openDocumentStore('memory:')
  const hearing = transcriptionWork({ model: ear })
  const speaking = speechWork({ model: voice })
  const seeing = visionWork({ model: eye })
  const painting = imageWork({ model: brush })
  await using jobs = await openJobs(store, { kinds: [hearing.kind, speaking.kind, seeing.kind, painting.kind] })
  const services = [
    createSpeechToTextService({ jobs, store, work: hearing }).service,
    createTextToSpeechService({ jobs, store, work: speaking }).service,
    createVisionService({ jobs, store, work: seeing }).service,
    createImageGenerationService({ jobs, store, work: painting }).service,
  ]
  const server = await startGrpcServer({
    services,
    listen: '127.0.0.1:0',
    auth: 'none',
    logger: createLogger({ level: 'fatal' }),
  })
  const clients = createClients({ address: server.address })
  try {
    const worst: number[] = []
    let unsaid = 0
    for (const [name, work] of Object.entries(await works(clients, { ear, voice, eye, brush }))) {
      const { tookMs, stopped } = await cancelSome(work, report.long ? 60 : 20)
      const p95 = rounded(tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * 0.95))] ?? Number.NaN, 1)
      if (work.canStop) {
        report.metric(`${name}_cancel_p95_ms`, p95)
        worst.push(p95)
      }
      unsaid += stopped.filter((one) => one !== work.canStop).length
      const how = work.canStop ? 'can be stopped' : 'cannot be stopped'
      report.note(
        `${name} ${how}: ${stopped.filter((one) => one === true).length} of ${stopped.length} said that they stopped`,
      )
    }
    report.metric('cancel_p95_ms', Math.max(...worst))
    // Cancelled jobs that do not say whether their model stopped, or say the contrary.
    report.metric('cancel_unsaid', unsaid)
  } finally {
    clients.close()
    await server.stop()
  }
}

async function works(
  clients: Clients,
  { ear, voice, eye, brush }: Readonly<Record<'ear' | 'voice' | 'eye' | 'brush', { readonly canStop: boolean }>>,
): Promise<Readonly<Record<string, Cancellable>>> {
  const { speechToText, textToSpeech, vision, imageGeneration } = clients
  const picture = { source: { $case: 'content', value: await testPicture('page.png') } } as const
  const said = { source: { $case: 'text', value: sentence.repeat(8) } } as const
  const { audio } = await textToSpeech.speak({ input: said })
  const recording = { source: { $case: 'content', value: audio } } as const
  const tasks = [visionWire.VisionTask.DESCRIBE, visionWire.VisionTask.READ_TEXT, visionWire.VisionTask.DETECT]
  const spec = { prompt: 'a red barn under a full moon', width: 1024, height: 1024, count: 4 }
  return {
    stt_service: {
      canStop: ear.canStop,
      submit: () => speechToText.submit({ audio: recording, options }),
      get: (request) => speechToText.get(request),
      cancel: (request) => speechToText.cancel(request),
    },
    tts: {
      canStop: voice.canStop,
      submit: () => textToSpeech.submit({ input: said, options }),
      get: (request) => textToSpeech.get(request),
      cancel: (request) => textToSpeech.cancel(request),
    },
    vision: {
      canStop: eye.canStop,
      submit: () => vision.submit({ picture, tasks, options }),
      get: (request) => vision.get(request),
      cancel: (request) => vision.cancel(request),
    },
    image: {
      canStop: brush.canStop,
      submit: () => imageGeneration.submit({ spec, options }),
      get: (request) => imageGeneration.get(request),
      cancel: (request) => imageGeneration.cancel(request),
    },
  }
}

/** At different moments of the work. What ended before it could be cancelled does not count. */
async function cancelSome(work: Cancellable, rounds: number): Promise<{ tookMs: number[]; stopped: unknown[] }> {
  const tookMs: number[] = []
  const stopped: unknown[] = []
  for (let round = 0; round < rounds; round += 1) {
    const jobId = (await work.submit()).job?.job?.id ?? ''
    await delay(20 + 25 * (round % 8))
    const startedAt = performance.now()
    let job = (await work.cancel({ jobId })).job?.job
    while (job?.state === wire.JobState.RUNNING) job = (await work.get({ jobId })).job?.job
    // Or waited all the time for a model that went on, so that there was nothing to stop.
    if (job?.state !== wire.JobState.CANCELLED || job.startTime === undefined) continue
    tookMs.push(performance.now() - startedAt)
    stopped.push(job.stopped)
    // A model that was killed is loaded anew; the next round finds it as it would be found.
    await delay(50)
  }
  return { tookMs: tookMs.toSorted((a, b) => a - b), stopped }
}

function testPicture(name: string): Promise<Buffer> {
  return readFile(join(import.meta.dirname, '..', '..', '..', 'libs', 'models', 'test-pictures', name))
}
