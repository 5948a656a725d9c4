import { type ServiceForTests, startServiceForTests } from '@holdfast/job-service/testing'
import { type FliteModel, fliteModel } from '@holdfast/models'
import { speechWork, type SpeechWorkOptions } from './speech-work.js'
import { createTextToSpeechService, type TextToSpeechService } from './text-to-speech-service.js'

export interface SpeechForTests extends ServiceForTests<TextToSpeechService> {
  readonly model: FliteModel
}

export async function startSpeech(options: Partial<SpeechWorkOptions> = {}): Promise<SpeechForTests> {
  const model = fliteModel()
  const work = speechWork({ model, ...options })
  const maxMessageBytes = 1024 * 1024
  const create = (given: Pick<ServiceForTests<unknown>, 'jobs' | 'store' | 'metrics'>) =>
    createTextToSpeechService({ ...given, work, maxMessageBytes })
  return Object.assign(await startServiceForTests(work.kind, model, create), { model })
}
