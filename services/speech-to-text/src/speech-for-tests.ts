import { type ServiceForTests, startServiceForTests } from '@holdfast/job-service/testing'
import { type MoonshineModel, moonshineModel } from '@holdfast/models'
import { createSpeechToTextService, type SpeechToTextService } from './speech-to-text-service.js'
import { transcriptionWork } from './transcription-work.js'

export interface SpeechForTests extends ServiceForTests<SpeechToTextService> {
  readonly model: MoonshineModel
}

export async function startSpeech(): Promise<SpeechForTests> {
  const model = moonshineModel()
  const work = transcriptionWork({ model })
  const started = await startServiceForTests(work.kind, model, (given) => createSpeechToTextService({ ...given, work }))
  return Object.assign(started, { model })
}
