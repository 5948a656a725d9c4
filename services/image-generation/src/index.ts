export {
  createImageGenerationService,
  type ImageGenerationService,
  type ImageGenerationServiceOptions,
} from './image-generation-service.js'
export { type ImageWork, type ImageWorkOptions, imageWork } from './image-work.js'
export { ImageGeneration, type ImageJob, type ImageSpec } from './image-generation.js'
export { type GalleryImage, type GalleryOptions, type GalleryPage } from './gallery.js'
export type { ImageFormat, ImageInput, ImageResult, MadeImage } from './image-result.js'
