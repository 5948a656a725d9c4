export { type JobMethods, type JobMethodsOptions, jobMethods } from './job-methods.js'
export { submitOptions } from './submit-options.js'
export { type TakenMedia, type TakeMediaOptions, takeMedia } from './media.js'
export { artifactToWire, jobEventToWire, jobToWire, modelToWire } from './wire-messages.js'
