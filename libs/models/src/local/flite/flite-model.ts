import type { SpeechModel, Voice } from '../../speech-model.js'
import { checkInstalled } from '../host/check-installed.js'
import { type ModelHostState, openModelHost } from '../host/model-host.js'
import { speakSentences } from '../speak-sentences.js'
import { fliteFile, fliteVersion } from './flite-files.js'
import type { FliteRequest, FliteResult } from './flite-process.js'

export interface FliteOptions {
  /** See ModelHostOptions. */
  readonly idleMs?: number
  readonly maxQueued?: number
}

export interface FliteModel extends SpeechModel {
  state(): ModelHostState
}

// `awb_time` says nothing but the time, and `kal` has 8,000 samples a second.
const voices: readonly Voice[] = [
  { id: 'slt', name: 'SLT, American woman', language: 'en-US', isDefault: true },
  { id: 'rms', name: 'RMS, American man', language: 'en-US', isDefault: false },
  { id: 'awb', name: 'AWB, Scottish man', language: 'en-GB', isDefault: false },
  { id: 'kal16', name: 'KAL, American man, from diphones', language: 'en-US', isDefault: false },
]

/** Flite by Carnegie Mellon in a process of its own: English, small, fast (a second of speech takes 20 ms), and sounds like it. */
export function fliteModel(options: FliteOptions = {}): FliteModel {
  const script = new URL('flite-process.js', import.meta.url)
  const host = openModelHost<FliteRequest, FliteResult>({ script, name: 'flite', ...options })
  const sampleRate = 16_000
  const model = {
    name: host.name,
    voices,
    sampleRate,
    say: (text: string, { voice, speed, signal }: { voice: string; speed: number; signal: AbortSignal }) =>
      host.call({ text, voice, speed }, { signal }),
  }
  return {
    name: host.name,
    version: fliteVersion,
    provider: 'local',
    canStop: true,
    sampleRate,
    voices,
    speak: (text, options) => speakSentences(model, text, options),
    check: () => checkInstalled(host, fliteFile),
    state: () => host.state(),
    [Symbol.asyncDispose]: () => host.close(),
  }
}
