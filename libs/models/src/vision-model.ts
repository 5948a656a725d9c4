import type { ModelCallOptions, ModelUsage, ServiceModel } from './service-model.js'

/** A picture as models get it: upright, within the limits, without metadata. */
export interface Picture {
  /** PNG, JPEG or WebP. */
  readonly bytes: Uint8Array
  readonly contentType: string
  readonly width: number
  readonly height: number
}

/** Pixels of the picture, from its upper left corner. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** Sees what is in a picture. A model may lack some of it: what it does not have is not in `abilities` and fails with UNIMPLEMENTED. */
export interface VisionModel extends ServiceModel {
  readonly abilities: ReadonlySet<'describe' | 'detect' | 'read' | 'embed'>
  describe(picture: Picture, options?: DescribeOptions): Promise<Description>
  detect(picture: Picture, options?: DetectOptions): Promise<Detections>
  /** Lines in reading order. */
  read(picture: Picture, options?: ModelCallOptions): Promise<ReadText>
  /** A vector of length 1: the nearer two pictures are in meaning and look, the nearer the product of theirs is to 1. */
  embed(picture: Picture, options?: ModelCallOptions): Promise<PictureEmbedding>
}

export interface DescribeOptions extends ModelCallOptions {
  /** What to look for. A model without language ignores it and says so in `Description.basis`. */
  readonly prompt?: string
}

export interface DetectOptions extends ModelCallOptions {
  /** 0 to 1; default as the model thinks best (CenterNet 0.35). */
  readonly minScore?: number
  /** Default 100. */
  readonly limit?: number
}

export interface Description {
  readonly text: string
  /** What it was made from: `language-model`, or `detections` (objects, text, colours and sizes that were found, put into sentences). */
  readonly basis: 'language-model' | 'detections'
  readonly usage: ModelUsage
}

export interface Detections {
  /** Highest score first. */
  readonly objects: readonly DetectedObject[]
  readonly usage: ModelUsage
}

export interface DetectedObject {
  /** `dog`. */
  readonly label: string
  /** 0 to 1. */
  readonly score: number
  readonly box: Box
}

export interface ReadText {
  readonly lines: readonly TextLine[]
  readonly usage: ModelUsage
}

export interface TextLine {
  readonly text: string
  /** 0 to 1; absent: the model does not say. */
  readonly score?: number
  readonly box?: Box
}

export interface PictureEmbedding {
  readonly vector: Float32Array
  readonly usage: ModelUsage
}
