import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clients, createClients } from '@holdfast/grpc-clients'
import { openJobs } from '@holdfast/jobs'
import {
  encodedAudio,
  fliteModel,
  moonshineModel,
  openAudio,
  type SpeechModel,
  type TranscriptionModel,
} from '@holdfast/models'
import { openDocumentStore } from '@holdfast/persistence'
import { createLogger, startGrpcServer } from '@holdfast/server'
import { createSpeechToTextService, transcriptionWork } from '@holdfast/speech-to-text'
import { recordings, whyNoRecordings, wordErrors } from '@holdfast/test-servers'
import { createTextToSpeechService, speechWork } from '@holdfast/text-to-speech'
import { median, rounded } from '../rounds.js'
import type { MediaReport } from './media-report.js'

const text = [
  'The ship left the harbor at 6:30 in the morning, with 42 people on board.',
  'Nobody knew how long the journey would take, or what they would find.',
  'The captain, Mr. Harris, had made it twice before, in 1987 and in 1992.',
  'He kept a small book in which he wrote down the weather of every day.',
  'On the third day the wind came from the north, and the sea grew rough.',
  'They lost $300 worth of food, two sails, and most of their fresh water.',
].join(' ')

/** What the services add to the models that hear and speak, with the server, its client and the embedded database in this one process; how well
 *  and how fast the models work; and whether the event loop is free meanwhile. */
export async function speech(report: MediaReport): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  try {
    await using ear = moonshineModel()
    await using voice = fliteModel()
    await using store = await openDocumentStore(`embedded:${folder}`)
    const hearing = transcriptionWork({ model: ear })
    const speaking = speechWork({ model: voice })
    await using jobs = await openJobs(store, { kinds: [hearing.kind, speaking.kind] })
    const services = [
      createSpeechToTextService({ jobs, store, work: hearing }).service,
      createTextToSpeechService({ jobs, store, work: speaking }).service,
    ]
    const server = await startGrpcServer({
      services,
      listen: '127.0.0.1:0',
      auth: 'none',
      logger: createLogger({ level: 'fatal' }),
    })
    const clients = createClients({ address: server.address })
    try {
      await overheads(clients, ear, voice, report)
      await cancelling(ear, await wavOf(voice), report)
      await realRecordings(ear, report)
    } finally {
      clients.close()
      await server.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function overheads(clients: Clients, ear: TranscriptionModel, voice: SpeechModel, report: MediaReport) {
  const { long, metric, note } = report
  const wav = await wavOf(voice)
  // A speech is short, so that it takes more of them for the median to stand still.
  const rounds = { stt: long ? 21 : 9, tts: long ? 61 : 25 }
  const hear = {
    bare: () => hearAll(ear, wav),
    service: () => clients.speechToText.transcribe({ audio: content(wav), options: { noCache: true } }),
  }
  const speak = {
    bare: () => wavOf(voice),
    service: () =>
      clients.textToSpeech.speak({ input: { source: { $case: 'text', value: text } }, options: { noCache: true } }),
  }
  const delays = monitorEventLoopDelay({ resolution: 5 })
  for (const [name, { bare, service }] of [
    ['stt', hear],
    ['tts', speak],
  ] as const) {
    await bare()
    await service()
    const times: { bare: number[]; service: number[] } = { bare: [], service: [] }
    const ratios: number[] = []
    for (let round = 0; round < rounds[name]; round += 1) {
      // Who goes first changes, since whatever else the machine does comes and goes.
      const order = round % 2 === 0 ? (['bare', 'service'] as const) : (['service', 'bare'] as const)
      delays.enable()
      for (const which of order) times[which].push(await timed(which === 'bare' ? bare : service))
      delays.disable()
      ratios.push((times.service.at(-1) ?? 0) / (times.bare.at(-1) ?? 1))
    }
    metric(`${name}_overhead`, rounded(median(ratios), 3))
    note(
      `${name}: ${rounded(median(times.service), 0)} ms by the service, ${rounded(median(times.bare), 0)} ms by the model`,
    )
  }
  metric('event_loop_p99_ms', rounded(delays.percentile(99) / 1e6, 1))
  const startedAt = performance.now()
  for await (const { event } of clients.textToSpeech.streamSpeak({
    input: { source: { $case: 'text', value: text } },
    options: { noCache: true },
  })) {
    if (event?.$case !== 'chunk' || event.value.audio.length <= 44) continue
    metric('tts_first_sound_ms', rounded(performance.now() - startedAt, 0))
    break
  }
}

/** From the cancellation of a transcription until nothing of it computes any more. */
async function cancelling(ear: TranscriptionModel, wav: Uint8Array, { metric }: MediaReport): Promise<void> {
  const took: number[] = []
  for (let round = 0; round < 20; round += 1) {
    await hearAll(ear, wav.subarray(0, 64_044), true)
    const controller = new AbortController()
    const heard = hearAll(ear, wav, true, controller.signal).then(
      () => undefined,
      () => performance.now(),
    )
    await delay(30 + 23 * (round % 9))
    const at = performance.now()
    controller.abort()
    const end = await heard
    if (end !== undefined) took.push(end - at)
  }
  took.sort((a, b) => a - b)
  metric('stt_cancel_p95_ms', rounded(took[Math.floor(took.length * 0.95)] ?? NaN, 1))
}

async function realRecordings(ear: TranscriptionModel, { metric, note }: MediaReport): Promise<void> {
  const missing = whyNoRecordings()
  if (missing !== undefined) {
    note(missing)
    return
  }
  let errors = 0
  let words = 0
  let audioMs = 0
  let tookMs = 0
  for (const { wav, text } of [...(await recordings('librivox')), ...(await recordings('cards'))]) {
    const startedAt = performance.now()
    const heard = await hearAll(ear, wav)
    tookMs += performance.now() - startedAt
    audioMs += (wav.length - 44) / 32
    const count = wordErrors(text.replaceAll('mister', 'mr'), heard)
    errors += count.errors
    words += count.words
  }
  metric('stt_word_error_rate', rounded(errors / words, 3))
  metric('stt_real_time_factor', rounded(tookMs / audioMs, 3))
}

/** @param isCut the file was cut off on purpose */
async function hearAll(ear: TranscriptionModel, wav: Uint8Array, isCut = false, signal?: AbortSignal): Promise<string> {
  const heard: string[] = []
  const bytes = isCut ? withOpenLength(wav) : wav
  const { samples } = await openAudio(bytes)
  for await (const event of ear.transcribe(samples, signal === undefined ? {} : { signal })) {
    if (event.type === 'segment') heard.push(event.segment.text)
  }
  return heard.join(' ')
}

function withOpenLength(wav: Uint8Array): Uint8Array {
  const copy = Buffer.from(wav)
  copy.writeUInt32LE(0xffffffff, 40)
  return copy
}

async function wavOf(voice: SpeechModel): Promise<Uint8Array> {
  const parts: Float32Array[] = []
  for await (const event of voice.speak(text)) if (event.type === 'audio') parts.push(event.samples)
  const samples = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    samples.set(part, at)
    at += part.length
  }
  return encodedAudio(samples, voice.sampleRate, 'wav')
}

function content(bytes: Uint8Array): { source: { $case: 'content'; value: Buffer } } {
  return { source: { $case: 'content', value: Buffer.from(bytes) } }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now()
  await work()
  return performance.now() - before
}
