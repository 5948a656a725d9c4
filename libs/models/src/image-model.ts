import type { ModelCallOptions, ModelUsage, ServiceModel } from './service-model.js'
import type { Picture } from './vision-model.js'

/** Makes pictures from words. */
export interface ImageModel extends ServiceModel {
  /** Whether the same request with the same seed gives the same bytes. */
  readonly isDeterministic: boolean
  /** `procedural`: a seeded scene, not what a generative model would paint. Stands with every image that it makes. */
  readonly kind: 'generative' | 'procedural'
  /** Whether `edit` is there; without it, it fails with UNIMPLEMENTED. */
  readonly canEdit: boolean
  /** Images in the order of their seeds. @throws INVALID_ARGUMENT for a size that it does not have; CANCELLED; as the model says */
  generate(request: ImageRequest, options?: ImageCallOptions): Promise<GeneratedImages>
  /** Changes a picture as the prompt says; where there is a mask, only its transparent parts. */
  edit(request: ImageEditRequest, options?: ImageCallOptions): Promise<GeneratedImages>
}

export interface ImageRequest {
  readonly prompt: string
  /** What must not be there. A model may ignore it. */
  readonly negativePrompt?: string
  /** Pixels. */
  readonly width: number
  readonly height: number
  /** 1 to 10. Image n has the seed `seed + n`. */
  readonly count: number
  /** 0 to 2^31 - 1. */
  readonly seed: number
}

export interface ImageEditRequest extends ImageRequest {
  readonly picture: Picture
  /** PNG of the same size. */
  readonly mask?: Picture
}

export interface ImageCallOptions extends ModelCallOptions {
  /** Called when another image is done. */
  readonly onImage?: (image: GeneratedImage) => void
}

export interface GeneratedImages {
  readonly images: readonly GeneratedImage[]
  readonly usage: ModelUsage
}

export interface GeneratedImage {
  /** PNG. */
  readonly bytes: Uint8Array
  readonly width: number
  readonly height: number
  /** Absent when the model takes none. */
  readonly seed?: number
  /** What the model made of the prompt, when it says. */
  readonly revisedPrompt?: string
}
