import { HoldfastError, invalidField } from '@holdfast/errors'
import { setImmediate } from 'node:timers/promises'
import type { ModelCheck } from '../../chat-model.js'
import type { TranscribeOptions, TranscriptionEvent, TranscriptionModel } from '../../transcription-model.js'
import { type ModelHost, type ModelHostState, openModelHost } from '../host/model-host.js'
import { checkInstalled } from '../host/check-installed.js'
import { moonshineFolder, type MoonshineSize, moonshineVersion } from './moonshine-files.js'
import type { MoonshineRequest, MoonshineResult, MoonshineSettings } from './moonshine-process.js'
import { PauseCutter, type Piece } from './pause-cutter.js'

export interface MoonshineOptions {
  /** Default `base`: fewer errors (2.8 % of words against 4.2 %) at 1.4 times the time and 90 MB more memory. */
  readonly size?: MoonshineSize
  /** See ModelHostOptions. */
  readonly idleMs?: number
  readonly maxQueued?: number
}

export interface MoonshineModel extends TranscriptionModel {
  state(): ModelHostState
}

/** An interim result is computed anew from the start of its piece: not more often than this, nor for more than a third of the time. */
const interimEveryMs = 1_000
const interimShare = 1 / 3
/** Chunks are looked at in slices of this many samples, with a breath for the event loop between them. */
const sliceSamples = 160_000

/** Moonshine by Useful Sensors in a process of its own: English, no need of a network or a graphics card. Audio is cut at pauses. */
export function moonshineModel({ size = 'base', ...options }: MoonshineOptions = {}): MoonshineModel {
  const name = `moonshine-${size}`
  const settings: MoonshineSettings = { size }
  const script = new URL('moonshine-process.js', import.meta.url)
  const host = openModelHost<MoonshineRequest, MoonshineResult>({ script, name, settings, ...options })
  return {
    name,
    version: moonshineVersion,
    provider: 'local',
    canStop: true,
    languages: ['en'],
    transcribe: (audio, options = {}) => transcribe(host, audio, options),
    check: (): Promise<ModelCheck> => checkInstalled(host, () => moonshineFolder(size)),
    state: () => host.state(),
    [Symbol.asyncDispose]: () => host.close(),
  }
}

async function* transcribe(
  host: ModelHost<MoonshineRequest, MoonshineResult>,
  audio: AsyncIterable<Float32Array>,
  { language, signal, interim = false }: TranscribeOptions,
): AsyncGenerator<TranscriptionEvent, void, undefined> {
  if (language !== undefined && !/^en(?:-|$)/i.test(language)) {
    throw invalidField('language', `is ${language}: ${host.name} knows English (en) only`)
  }
  const cutter = new PauseCutter()
  let computeMs = 0
  let tokens = 0
  const hear = async (samples: Float32Array): Promise<string> => {
    const result = await host.call({ samples }, { signal })
    computeMs += result.computeMs
    tokens += result.tokens
    return result.text
  }
  const segments = async function* (pieces: readonly Piece[]): AsyncGenerator<TranscriptionEvent, void, undefined> {
    for (const { samples, startMs, endMs } of pieces) {
      const text = await hear(samples)
      if (text !== '') yield { type: 'segment', segment: { startMs, endMs, text } }
    }
  }

  let nextInterimMs = interimEveryMs
  for await (const chunk of audio) {
    for (let from = 0; from < chunk.length; from += sliceSamples) {
      if (signal?.aborted === true) throw cancelled(host.name)
      const pieces = cutter.push(chunk.subarray(from, from + sliceSamples))
      yield* segments(pieces)
      if (chunk.length > sliceSamples) await setImmediate()
    }
    if (!interim || cutter.durationMs < nextInterimMs) continue
    const piece = cutter.unfinished()
    if (piece === undefined) continue
    const before = computeMs
    const text = await hear(piece.samples)
    nextInterimMs = cutter.durationMs + Math.max(interimEveryMs, (computeMs - before) / interimShare)
    if (text !== '') yield { type: 'interim', startMs: piece.startMs, text }
  }
  const last = cutter.end()
  if (last !== undefined) yield* segments([last])
  if (signal?.aborted === true) throw cancelled(host.name)
  yield {
    type: 'finish',
    language: 'en',
    durationMs: cutter.durationMs,
    silenceMs: cutter.silenceMs,
    usage: { audioMs: cutter.durationMs, outputTokens: tokens, computeMs: Math.round(computeMs) },
  }
}

function cancelled(name: string): HoldfastError {
  return new HoldfastError('CANCELLED', `The transcription by ${name} was cancelled`)
}
