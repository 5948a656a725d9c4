import { HoldfastError, invalidField } from '@holdfast/errors'
import {
  artifactToWire,
  jobMethods,
  jobToWire,
  namedFields,
  pictureFromMedia,
  submitOptions,
} from '@holdfast/job-service'
import type { Artifact, Job } from '@holdfast/jobs'
import type { TenantStore } from '@holdfast/persistence'
import { imageGeneration as wire, type jobs as jobsWire } from '@holdfast/protocol'
import { type CallContext, defineService, type GrpcService } from '@holdfast/server'
import type { GalleryImage } from './gallery.js'
import type { ImageGeneration, ImageSpec } from './image-generation.js'
import type { ImageFormat, ImageInput, ImageResult, MadeImage } from './image-result.js'

/** Of an answer with the images in it; the message may have 20 MiB. */
const largestAnswer = 18 * 1024 * 1024

/** holdfast.image_generation.v1.ImageGenerationService: requests to what the service does, what it answers to responses, and nothing else. */
export function imageGrpcService(engine: ImageGeneration): GrpcService {
  const { jobs, work, store } = engine
  const message = (job: jobsWire.Job, stored: Job, isListed: boolean): wire.ImageJob => ({
    job,
    images: isListed || stored.output === undefined ? [] : imagesToWire(stored.output as ImageResult, stored.outputs),
  })
  const whole = (job: Job): wire.ImageJob => message(jobToWire(job, { hasTypedOutput: true }), job, false)

  async function editFromWire(edit: wire.ImageEdit | undefined, { signal }: CallContext): Promise<ImageInput['edit']> {
    if (edit === undefined) return undefined
    const { limits } = work
    const picture = await pictureFromMedia(store, edit.picture, { field: 'edit.picture', limits, signal })
    if (edit.mask === undefined) return { picture }
    return { picture, mask: await pictureFromMedia(store, edit.mask, { field: 'edit.mask', limits, signal }) }
  }

  /** One of the unary calls: the job, and its images with their bytes. */
  async function make(
    spec: ImageSpec,
    edit: wire.ImageEdit | undefined,
    options: jobsWire.JobOptions | undefined,
    context: CallContext,
  ) {
    const submit = submitOptions(options)
    engine.check(spec, edit !== undefined)
    const taken = await editFromWire(edit, context)
    const { job, result } = await engine.make(spec, taken, { ...submit, signal: context.signal })
    context.annotate({ jobId: job.id })
    const sizeBytes = result.images.reduce((sum, image) => sum + image.sizeBytes, 0)
    if (sizeBytes > largestAnswer) {
      const text = `The images of job ${job.id} have ${sizeBytes} bytes, more than fit into an answer: take them by download`
      throw new HoldfastError('RESOURCE_EXHAUSTED', text, { reason: 'ANSWER_TOO_LARGE', metadata: { jobId: job.id } })
    }
    const images: wire.GeneratedImage[] = []
    for (const image of imagesToWire(result, job.outputs))
      images.push({ ...image, content: await bytesOf(store, image.image?.id ?? '') })
    return { images, job: { job: jobToWire(job, { hasTypedOutput: true }), images: [] } }
  }

  return defineService(wire.ImageGenerationServiceService, {
    ...jobMethods({ jobs, kind: work.kind.name, message }),

    submit: (request, context) =>
      named(async () => {
        const submit = submitOptions(request.options)
        const spec = specFromWire(request.spec)
        engine.check(spec, request.edit !== undefined)
        const job = await engine.submit(spec, await editFromWire(request.edit, context), submit)
        context.annotate({ jobId: job.id })
        return { job: whole(job) }
      }),

    generate: ({ spec, options }, context) => named(() => make(specFromWire(spec), undefined, options, context)),

    edit: ({ spec, edit, options }, context) =>
      named(async () => {
        if (edit === undefined) throw invalidField('edit', 'is missing: send the picture that is to be changed')
        return make(specFromWire(spec), edit, options, context)
      }),

    listImages: ({ pageSize, pageToken, label, withThumbnails, query }) =>
      named(async () => {
        if (pageSize < 0) throw invalidField('page_size', `is ${pageSize}: must be 0 or more`)
        if (query.length > 1_000) throw invalidField('query', 'has more than 1,000 characters')
        const { items, next = '' } = await engine.images({
          limit: Math.min(200, pageSize === 0 ? 50 : pageSize),
          ...(label === '' ? {} : { label }),
          ...(query === '' ? {} : { query }),
          ...(pageToken === '' ? {} : { cursor: pageToken }),
        })
        const images = await Promise.all(items.map((image) => galleryImageToWire(store, image, withThumbnails)))
        return { images, nextPageToken: next }
      }),
  })
}

const formats: ReadonlyMap<wire.ImageFormat, ImageFormat> = new Map([
  [wire.ImageFormat.UNSPECIFIED, 'png'],
  [wire.ImageFormat.PNG, 'png'],
  [wire.ImageFormat.JPEG, 'jpeg'],
  [wire.ImageFormat.WEBP, 'webp'],
])

function specFromWire(spec: wire.ImageSpec | undefined): ImageSpec {
  if (spec === undefined) throw invalidField('spec', 'is missing: say what is to be seen')
  const { prompt, negativePrompt, width, height, count, seed, quality } = spec
  const format = formats.get(spec.format)
  if (format === undefined) throw invalidField('spec.format', `is ${spec.format}: there is no such format`)
  return {
    prompt,
    negativePrompt,
    format,
    ...(width === 0 ? {} : { width }),
    ...(height === 0 ? {} : { height }),
    ...(count === 0 ? {} : { count }),
    ...(seed === undefined ? {} : { seed }),
    ...(quality === 0 ? {} : { quality }),
  }
}

/** Artifacts as the job has them. */
function imagesToWire({ images }: ImageResult, outputs: readonly Artifact[]): wire.GeneratedImage[] {
  const artifact = (id: string): jobsWire.Artifact | undefined => {
    const found = outputs.find((one) => one.id === id)
    return found === undefined ? undefined : artifactToWire(found)
  }
  return images.map((image) => ({
    ...imageToWire(image),
    image: artifact(image.image),
    thumbnail: artifact(image.thumbnail),
  }))
}

function imageToWire({ width, height, seed, revisedPrompt = '', kind }: MadeImage): wire.GeneratedImage {
  return { image: undefined, thumbnail: undefined, width, height, seed, revisedPrompt, kind, content: Buffer.alloc(0) }
}

async function galleryImageToWire(
  store: TenantStore,
  made: GalleryImage,
  withThumbnail: boolean,
): Promise<wire.GalleryImage> {
  const { job, prompt, createdAt } = made
  const of = (id: string, role: string, contentType: string, sizeBytes: number): jobsWire.Artifact =>
    artifactToWire({ id, role, contentType, sizeBytes, createdAt, jobId: job, jobKind: 'image-generation', inputs: [] })
  return {
    image: {
      ...imageToWire(made),
      image: of(made.image, 'image', made.contentType, made.sizeBytes),
      thumbnail: of(made.thumbnail, 'thumbnail', 'image/webp', made.thumbnailBytes),
    },
    jobId: job,
    prompt,
    createTime: createdAt,
    thumbnailContent: withThumbnail ? await bytesOf(store, made.thumbnail) : Buffer.alloc(0),
  }
}

async function bytesOf(store: TenantStore, id: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of store.blobs.get(id)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const fields: Readonly<Record<string, string>> = {
  prompt: 'spec.prompt',
  negativePrompt: 'spec.negative_prompt',
  width: 'spec.width',
  height: 'spec.height',
  count: 'spec.count',
  seed: 'spec.seed',
  quality: 'spec.quality',
  mask: 'edit.mask',
  limit: 'page_size',
  after: 'page_token',
  cursor: 'page_token',
}

/** Errors with their fields named as the caller wrote them. */
function named<T>(work: () => Promise<T>): Promise<T> {
  return namedFields(fields, work)
}
