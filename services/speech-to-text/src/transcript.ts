import type { TranscriptSegment } from '@holdfast/models'

/** What a job makes, as it is stored. */
export interface Transcript {
  /** All segments, joined by spaces. */
  readonly text: string
  /** BCP 47. */
  readonly language: string
  readonly segments: readonly TranscriptSegment[]
  readonly durationMs: number
  /** Of that, how much held no speech. */
  readonly silenceMs: number
  readonly wordCount: number
  /** Silence left out; 0: there was no speech. */
  readonly wordsPerMinute: number
  /** Id of the artifact that was heard. */
  readonly audio: string
}

export function transcriptOf(
  segments: readonly TranscriptSegment[],
  heard: Pick<Transcript, 'language' | 'durationMs' | 'silenceMs' | 'audio'>,
): Transcript {
  const text = segments.map(({ text }) => text).join(' ')
  const wordCount = text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word)).length
  const minutes = (heard.durationMs - heard.silenceMs) / 60_000
  const wordsPerMinute = wordCount === 0 || minutes <= 0 ? 0 : Math.round((wordCount / minutes) * 10) / 10
  return { text, segments, wordCount, wordsPerMinute, ...heard }
}
