import type { ModelCallOptions, ModelUsage, ServiceModel } from './service-model.js'

/** Samples a second of what a transcription model hears. */
export const transcriptionSampleRate = 16_000

/** Turns speech into text. */
export interface TranscriptionModel extends ServiceModel {
  /** Languages that it knows, as BCP 47 tags; empty: it does not say. */
  readonly languages: readonly string[]
  /** Hears mono samples at 16 kHz between -1 and 1, in chunks of any size, and reads them no faster than it works, so that audio of any
   *  length takes bounded memory. Segments come in order while audio still arrives; the last event is the one `finish`.
   *  @throws INVALID_ARGUMENT for a language that it does not know; CANCELLED; UNAVAILABLE, RESOURCE_EXHAUSTED as the model says */
  transcribe(audio: AsyncIterable<Float32Array>, options?: TranscribeOptions): AsyncIterable<TranscriptionEvent>
}

export interface TranscribeOptions extends ModelCallOptions {
  /** BCP 47; default: the model finds out, or takes the one that it knows. */
  readonly language?: string
  /** Words that are likely to come. A model may ignore them. */
  readonly prompt?: string
  /** Whether `interim` events are wanted: what the unfinished segment sounds like so far. Default false. */
  readonly interim?: boolean
}

export type TranscriptionEvent =
  | { readonly type: 'segment'; readonly segment: TranscriptSegment }
  /** Replaces the `interim` event before it; the segment that follows replaces both. */
  | { readonly type: 'interim'; readonly startMs: number; readonly text: string }
  | TranscriptionFinish

export interface TranscriptSegment {
  /** From the start of the audio. */
  readonly startMs: number
  readonly endMs: number
  /** Not empty, trimmed. */
  readonly text: string
}

export interface TranscriptionFinish {
  readonly type: 'finish'
  /** BCP 47. */
  readonly language: string
  /** Of all audio that was heard. */
  readonly durationMs: number
  /** Of that, how much held no speech. */
  readonly silenceMs: number
  readonly usage: ModelUsage
}
