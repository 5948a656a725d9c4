import type { PictureSource } from '@holdfast/job-service'

export type ImageFormat = 'png' | 'jpeg' | 'webp'

/** As it is stored with the job. */
export interface ImageInput {
  readonly prompt: string
  readonly negativePrompt?: string
  /** Pixels; absent: those of the picture that is edited. */
  readonly width?: number
  readonly height?: number
  readonly count: number
  /** Image n has the seed `seed + n`. */
  readonly seed: number
  readonly format: ImageFormat
  /** Of JPEG and WebP, 1 to 100. */
  readonly quality?: number
  /** What is to be changed; absent: the picture is made from the prompt alone. */
  readonly edit?: { readonly picture: PictureSource; readonly mask?: PictureSource }
}

/** What the job made, in the order of the seeds. */
export interface ImageResult {
  readonly images: readonly MadeImage[]
}

export interface MadeImage {
  /** Id of the artifact. */
  readonly image: string
  /** Id of the artifact: a WebP of at most 256 pixels each way. */
  readonly thumbnail: string
  readonly contentType: string
  readonly sizeBytes: number
  readonly thumbnailBytes: number
  readonly width: number
  readonly height: number
  /** Absent when the model takes none. */
  readonly seed?: number
  /** What the model made of the prompt, when it says. */
  readonly revisedPrompt?: string
  readonly kind: 'generative' | 'procedural'
}
