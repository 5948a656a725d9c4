import { type ServiceForTests, startServiceForTests } from '@holdfast/job-service/testing'
import { type ImageModel, proceduralImageModel } from '@holdfast/models'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createImageGenerationService, type ImageGenerationService } from './image-generation-service.js'
import { imageWork } from './image-work.js'

export type ImagesForTests = ServiceForTests<ImageGenerationService>

export function startImages(model: ImageModel = proceduralImageModel()): Promise<ImagesForTests> {
  const work = imageWork({ model })
  return startServiceForTests(work.kind, model, (given) => createImageGenerationService({ ...given, work }))
}

/** Its source is beside it. */
export function testPicture(name: 'cat.jpg' | 'coffee.jpg'): Promise<Buffer> {
  return readFile(join(import.meta.dirname, '..', '..', '..', 'libs', 'models', 'test-pictures', name))
}
