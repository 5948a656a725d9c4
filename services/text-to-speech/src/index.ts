export {
  createTextToSpeechService,
  type TextToSpeechService,
  type TextToSpeechServiceOptions,
} from './text-to-speech-service.js'
export { type SpeechWork, type SpeechWorkOptions, speechWork } from './speech-work.js'
export {
  type SpeakInput,
  type SpeechJob,
  type SpokenEvent,
  TextToSpeech,
  type VoiceWithSample,
} from './text-to-speech.js'
export type { Speech, SpeechInput, SpokenSentence } from './speech.js'
export type { SpokenChunk } from './live-speech.js'
