import type { SpeechModel } from '../../speech-model.js'
import { checkInstalled } from '../host/check-installed.js'
import { type ModelHostState, openModelHost } from '../host/model-host.js'
import { speakSentences } from '../speak-sentences.js'
import { kokoroFolder } from './kokoro-files.js'
import type { KokoroRequest, KokoroResult, KokoroSettings } from './kokoro-process.js'
import { kokoroVersion } from './kokoro-recipe.js'
import { kokoroVoices } from './kokoro-voices.js'

export interface KokoroOptions {
  /** Of models; see installKokoro. */
  readonly folder: string
  /** See ModelHostOptions. */
  readonly idleMs?: number
  readonly maxQueued?: number
}

export interface KokoroModel extends SpeechModel {
  state(): ModelHostState
}

/** Kokoro-82M in a process of its own: English, sounds like a person, and takes about half a second for a second of speech on two cores.
 *  A call that is cancelled while it computes a sentence ends the process, and the next one loads the model anew. */
export function kokoroSpeechModel({ folder, ...options }: KokoroOptions): KokoroModel {
  const script = new URL('kokoro-process.js', import.meta.url)
  const settings: KokoroSettings = { folder }
  const host = openModelHost<KokoroRequest, KokoroResult>({ script, name: 'kokoro', settings, ...options })
  const sampleRate = 24_000
  const model = {
    name: host.name,
    voices: kokoroVoices,
    sampleRate,
    say: (text: string, { voice, speed, signal }: { voice: string; speed: number; signal: AbortSignal }) =>
      host.call({ text, voice, speed }, { signal }),
  }
  return {
    name: host.name,
    version: kokoroVersion,
    provider: 'local',
    canStop: true,
    sampleRate,
    voices: kokoroVoices,
    speak: (text, options) => speakSentences(model, text, options),
    check: () => checkInstalled(host, () => kokoroFolder(folder)),
    state: () => host.state(),
    [Symbol.asyncDispose]: () => host.close(),
  }
}
