import { type ServiceForTests, startServiceForTests } from '@holdfast/job-service/testing'
import { type LocalVisionModel, localVisionModel } from '@holdfast/models'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createVisionService, type VisionService } from './vision-service.js'
import { visionWork } from './vision-work.js'

export interface VisionForTests extends ServiceForTests<VisionService> {
  readonly model: LocalVisionModel
}

export async function startVision(): Promise<VisionForTests> {
  const model = localVisionModel()
  const work = visionWork({ model })
  const started = await startServiceForTests(work.kind, model, (given) => createVisionService({ ...given, work }))
  return Object.assign(started, { model })
}

/** Its source is beside it. */
export function testPicture(name: 'astronaut.jpg' | 'cat.jpg' | 'coffee.jpg' | 'page.png'): Promise<Buffer> {
  const folder = join(import.meta.dirname, '..', '..', '..', 'libs', 'models', 'test-pictures')
  return readFile(join(folder, name))
}
