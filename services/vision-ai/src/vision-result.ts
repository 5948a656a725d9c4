import type { PictureSource } from '@holdfast/job-service'
import type { Description, DetectedObject, TextLine } from '@holdfast/models'

export type VisionTask = 'describe' | 'detect' | 'read' | 'compare'

/** As it is stored with the job. */
export interface VisionInput {
  readonly picture: PictureSource
  /** The second picture of `compare`. */
  readonly other?: PictureSource
  /** Each once. */
  readonly tasks: readonly VisionTask[]
  /** Of `describe`. */
  readonly prompt?: string
  /** Of `detect`. */
  readonly minScore?: number
  readonly limit?: number
}

export interface PictureInfo {
  /** Pixels, upright. */
  readonly width: number
  readonly height: number
  readonly contentType: string
  /** It was turned as its EXIF says. */
  readonly wasRotated: boolean
  /** Id of the artifact. */
  readonly artifact: string
}

/** What the job brought; what was not asked for is absent. */
export interface VisionResult {
  readonly picture: PictureInfo
  readonly description?: Pick<Description, 'text' | 'basis'>
  readonly objects?: readonly DetectedObject[]
  /** In reading order. */
  readonly lines?: readonly TextLine[]
  /** Cosine of the two embeddings, -1 to 1. */
  readonly similarity?: number
  readonly other?: PictureInfo
}
