import { createHash, randomInt } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { type Job, type Jobs, outputOf, type SubmitOptions } from '@holdfast/jobs'
import type { TenantStore } from '@holdfast/persistence'
import { gallery, type GalleryOptions, type GalleryPage } from './gallery.js'
import type { ImageFormat, ImageInput, ImageResult } from './image-result.js'
import type { ImageWork } from './image-work.js'

/** What is asked for; what is absent has the default. */
export interface ImageSpec {
  /** 1 to 4,096 characters. */
  readonly prompt: string
  /** At most 4,096 characters. */
  readonly negativePrompt?: string
  /** Pixels, 64 to 2,048; default 512, or of an edit the picture's size. */
  readonly width?: number
  readonly height?: number
  /** 1 to 10; default 1. */
  readonly count?: number
  /** 0 to 2^31 - 1; default: drawn by lot, or from the key, so that a repeated call asks for the same. */
  readonly seed?: number
  /** Default `png`. */
  readonly format?: ImageFormat
  /** Of JPEG and WebP, 1 to 100; default 85. */
  readonly quality?: number
}

export type ImageJob = Job<ImageInput, ImageResult>

const maxSeed = 2 ** 31 - 1

/** What the service does; knows nothing of the wire. */
export class ImageGeneration {
  readonly jobs: Jobs
  readonly work: ImageWork
  readonly store: TenantStore

  constructor(jobs: Jobs, work: ImageWork, store: TenantStore) {
    this.jobs = jobs
    this.work = work
    this.store = store
  }

  /** What a request asks for, before its pictures are taken in. @throws INVALID_ARGUMENT; UNIMPLEMENTED for edits that the model cannot make */
  check(spec: ImageSpec, isEdit: boolean): void {
    const { model } = this.work
    if (isEdit && !model.canEdit) {
      throw new HoldfastError('UNIMPLEMENTED', `The model ${model.name} cannot edit`, { reason: 'MODEL_CANNOT' })
    }
    const { prompt, negativePrompt = '', width, height, count = 1, seed = 0, quality = 85 } = spec
    if (prompt.trim() === '') throw invalidField('prompt', 'is empty: say what is to be seen')
    if (prompt.length > 4_096) throw invalidField('prompt', 'has more than 4,096 characters')
    if (negativePrompt.length > 4_096) throw invalidField('negativePrompt', 'has more than 4,096 characters')
    if ((width === undefined) !== (height === undefined)) {
      throw invalidField(width === undefined ? 'width' : 'height', 'is missing: give both or none')
    }
    whole('width', width ?? 512, 64, 2_048)
    whole('height', height ?? 512, 64, 2_048)
    whole('count', count, 1, 10)
    whole('seed', seed, 0, maxSeed - count + 1)
    whole('quality', quality, 1, 100)
  }

  /** Takes the job and answers before it is done. */
  submit(spec: ImageSpec, edit: ImageInput['edit'], submit: SubmitOptions = {}): Promise<ImageJob> {
    const { input, inputs } = this.#asked(spec, edit, submit.key)
    return this.jobs.submit(this.work.kind, input, { ...submit, inputs })
  }

  /** Submits, works and waits. @throws what the job failed with */
  async make(
    spec: ImageSpec,
    edit: ImageInput['edit'],
    submit: SubmitOptions & { readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly job: ImageJob; readonly result: ImageResult }> {
    const { input, inputs } = this.#asked(spec, edit, submit.key)
    const job = await this.jobs.run(this.work.kind, input, { ...submit, inputs })
    return { job, result: outputOf(job) }
  }

  /** Images that were made, newest first. */
  images(options: GalleryOptions): Promise<GalleryPage> {
    return gallery(this.store, options)
  }

  /** @throws UNAVAILABLE, or why the model cannot work */
  async health(): Promise<void> {
    const { state, error } = this.jobs.health()
    if (state === 'failing') throw new HoldfastError('UNAVAILABLE', `Jobs cannot be looked for: ${error}`)
    const check = await this.work.model.check()
    if (!check.ok) throw check.error ?? new HoldfastError('UNAVAILABLE', check.detail)
  }

  #asked(spec: ImageSpec, edit: ImageInput['edit'], key: string | undefined): { input: ImageInput; inputs: string[] } {
    this.check(spec, edit !== undefined)
    const { prompt, negativePrompt = '', format = 'png', count = 1, quality } = spec
    const isSized = edit === undefined || spec.width !== undefined
    const { width = 512, height = 512 } = spec
    const input: ImageInput = {
      prompt,
      ...(negativePrompt === '' ? {} : { negativePrompt }),
      ...(isSized ? { width, height } : {}),
      count,
      seed: spec.seed ?? seedFor(key, count),
      format,
      ...(quality === undefined || format === 'png' ? {} : { quality }),
      ...(edit === undefined ? {} : { edit }),
    }
    const inputs = edit === undefined ? [] : [edit.picture.id, ...(edit.mask === undefined ? [] : [edit.mask.id])]
    return { input, inputs }
  }
}

/** The same for the same key: a repeated call has to ask for the same. */
function seedFor(key: string | undefined, count: number): number {
  const most = maxSeed - count + 1
  if (key === undefined) return randomInt(0, most)
  return createHash('sha256').update(key).digest().readUInt32BE(0) % most
}

function whole(field: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return
  throw invalidField(field, `is ${value}: a whole number from ${low} to ${high}`)
}
