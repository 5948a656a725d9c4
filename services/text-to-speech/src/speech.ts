import type { AudioFormat } from '@holdfast/models'

/** As it is stored with the job. */
export interface SpeechInput {
  /** Exactly one of `text` and `ssml`. */
  readonly text?: string
  readonly ssml?: string
  readonly voice: string
  readonly speed: number
  readonly format: AudioFormat
  /** What the text comes from: a message, or an artifact. */
  readonly from?: string
}

export interface SpokenSentence {
  /** From the start of the audio. */
  readonly startMs: number
  readonly endMs: number
  readonly text: string
}

/** What a job makes, as it is stored. */
export interface Speech {
  /** Id of the artifact with the whole file. */
  readonly audio: string
  readonly sampleRate: number
  readonly channels: number
  readonly durationMs: number
  readonly voice: string
  readonly speed: number
  readonly sentences: readonly SpokenSentence[]
}
