import type { ModelCallOptions, ModelUsage, ServiceModel } from './service-model.js'

/** Turns text into speech. */
export interface SpeechModel extends ServiceModel {
  /** Samples a second of what it says. */
  readonly sampleRate: number
  readonly voices: readonly Voice[]
  /** Speaks sentence by sentence: the audio of a sentence comes before the next one is computed. The last event is the one `finish`.
   *  @param text plain text, at least one character that can be spoken. The model writes out numbers and abbreviations itself
   *  @throws INVALID_ARGUMENT for a voice that it does not have or a speed that it cannot speak at; CANCELLED; as the model says */
  speak(text: string, options?: SpeakOptions): AsyncIterable<SpeechEvent>
}

export interface Voice {
  readonly id: string
  readonly name: string
  /** BCP 47. */
  readonly language: string
  readonly isDefault: boolean
}

export interface SpeakOptions extends ModelCallOptions {
  /** Default: the model's default voice. */
  readonly voice?: string
  /** 0.5 to 2; default 1. */
  readonly speed?: number
}

export type SpeechEvent =
  /** Mono samples between -1 and 1 of one sentence, or of a part of it; to be joined as they are. */
  | { readonly type: 'audio'; readonly samples: Float32Array; readonly sentence: number; readonly text: string }
  | { readonly type: 'finish'; readonly durationMs: number; readonly usage: ModelUsage }
