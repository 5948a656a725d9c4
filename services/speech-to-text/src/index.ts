export {
  createSpeechToTextService,
  type SpeechToTextService,
  type SpeechToTextServiceOptions,
} from './speech-to-text-service.js'
export {
  type TranscriptionInput,
  type TranscriptionWork,
  type TranscriptionWorkOptions,
  transcriptionWork,
} from './transcription-work.js'
export {
  type HeardEvent,
  type HearOptions,
  type HearStreamOptions,
  SpeechToText,
  type TranscriptionJob,
} from './speech-to-text.js'
export { FiledRecordings, recordingId, type RecordingsOptions } from './filed-recordings.js'
export type { StreamEncoding } from './stream-encoding.js'
export type { LiveEvent } from './live-streams.js'
export type { Transcript } from './transcript.js'
