export { createVisionService, type VisionService, type VisionServiceOptions } from './vision-service.js'
export { type VisionWork, type VisionWorkOptions, visionWork } from './vision-work.js'
export { type LookOptions, type Pictures, Vision, type VisionJob } from './vision.js'
export type { PictureInfo, VisionInput, VisionResult, VisionTask } from './vision-result.js'
