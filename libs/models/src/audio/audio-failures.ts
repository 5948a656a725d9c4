import { HoldfastError, invalidField } from '@holdfast/errors'

/** What can be wrong with audio that somebody sent. */
export type AudioFailureReason =
  | 'AUDIO_EMPTY'
  /** It is something else: a picture, a text, a video. */
  | 'NOT_AUDIO'
  | 'AUDIO_TRUNCATED'
  | 'AUDIO_DAMAGED'
  /** A kind of audio that nothing here reads. */
  | 'AUDIO_UNSUPPORTED'
  | 'AUDIO_TOO_LONG'

/** @param description goes on after the word "audio": `is empty` */
export function badAudio(reason: AudioFailureReason, description: string, cause?: unknown): HoldfastError {
  return invalidField('audio', description, { reason, cause })
}

/** @param what needs it: `FLAC audio` */
export function noFfmpeg(what: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `${what} needs ffmpeg, which is not installed: install it (on Debian: apt-get install ffmpeg), or use WAV`,
    { reason: 'FFMPEG_MISSING', cause },
  )
}
