import { pictureOfInput, type PictureSource } from '@holdfast/job-service'
import { type JobContext, type JobKind, jobKind } from '@holdfast/jobs'
import {
  defaultPictureLimits,
  encodePicture,
  type GeneratedImage,
  type ImageModel,
  type Picture,
  type PictureLimits,
  type TakenPicture,
  thumbnailOf,
} from '@holdfast/models'
import { hangUp } from './gallery.js'
import type { ImageInput, ImageResult, MadeImage } from './image-result.js'

export interface ImageWorkOptions {
  readonly model: ImageModel
  /** What pictures that are edited may be at most; default: 20 MiB, 50 million pixels. */
  readonly limits?: Partial<PictureLimits>
  /** Of one attempt; default 300,000. */
  readonly timeoutMs?: number
  /** Attempts at once over all processes; default: as many as there are workers. */
  readonly perModel?: number
  readonly perTenant?: number
}

/** What a process needs to make images: the kind of job for `openJobs`, and what `createImageGenerationService` serves. */
export interface ImageWork {
  readonly kind: JobKind<ImageInput, ImageResult>
  readonly model: ImageModel
  readonly limits: PictureLimits
}

export function imageWork({
  model,
  timeoutMs = 300_000,
  perModel,
  perTenant,
  ...options
}: ImageWorkOptions): ImageWork {
  const limits = { ...defaultPictureLimits, ...options.limits }
  const { name, version, provider, canStop } = model
  const parameters = ({ edit, ...spec }: ImageInput) => ({ ...spec, masked: edit?.mask !== undefined })
  const kind = jobKind<ImageInput, ImageResult>({
    name: 'image-generation',
    // An endpoint may cost money.
    startsEarly: provider === 'local',
    model: () => ({ name, version, provider, canStop }),
    cache: parameters,
    parameters,
    timeoutMs,
    concurrency: {
      ...(perModel === undefined ? {} : { perModel }),
      ...(perTenant === undefined ? {} : { perTenant }),
    },
    run: (input, context) => make(model, limits, input, context),
    record: (tx, { job, output }) => hangUp(tx, job, output),
  })
  return { kind, model, limits }
}

async function make(
  model: ImageModel,
  limits: PictureLimits,
  input: ImageInput,
  context: JobContext,
): Promise<ImageResult> {
  const { signal, store, report, usage, put } = context
  const { prompt, negativePrompt, count, seed, edit } = input
  const take = (source: PictureSource, field: string): Promise<TakenPicture> =>
    pictureOfInput(store, source, { field, limits, signal })
  const picture = edit === undefined ? undefined : await take(edit.picture, 'edit.picture')
  const { width, height } = sizeOf(input, picture)
  const request = { prompt, width, height, count, seed, ...(negativePrompt === undefined ? {} : { negativePrompt }) }

  // Each image is stored while the next one is made.
  const stored = new Map<GeneratedImage, Promise<MadeImage>>()
  const onImage = (image: GeneratedImage): Promise<MadeImage> => {
    const known = stored.get(image)
    if (known !== undefined) return known
    const storing = storeImage(model, input, stored.size, image, context)
    stored.set(image, storing)
    const place = stored.size
    storing.then(
      (made) => {
        put(made)
        report({ stage: 'painting', fraction: place / count })
      },
      () => {},
    )
    return storing
  }
  const handlers = { signal, onImage: (image: GeneratedImage) => void onImage(image) }
  const { images, usage: used } =
    edit === undefined || picture === undefined
      ? await model.generate(request, handlers)
      : await model.edit(
          {
            ...request,
            picture,
            ...(edit.mask === undefined ? {} : { mask: await take(edit.mask, 'edit.mask') }),
          },
          handlers,
        )
  usage(used)
  return { images: await Promise.all(images.map(onImage)) }
}

/** An edited picture keeps its size; one that is larger than any that are made becomes smaller, in the same shape. */
function sizeOf({ width, height }: ImageInput, picture: Picture | undefined): { width: number; height: number } {
  if (width !== undefined && height !== undefined) return { width, height }
  const { width: wide, height: tall } = picture ?? { width: 512, height: 512 }
  const scale = Math.min(1, 2_048 / Math.max(wide, tall))
  const side = (length: number): number => Math.max(64, Math.round(length * scale))
  return { width: side(wide), height: side(tall) }
}

async function storeImage(
  { kind }: ImageModel,
  { format, quality }: ImageInput,
  place: number,
  { bytes, seed, revisedPrompt }: GeneratedImage,
  { addOutput }: JobContext,
): Promise<MadeImage> {
  const encoded = await encodePicture(bytes, { format, ...(quality === undefined ? {} : { quality }) })
  const small = await thumbnailOf(bytes)
  const { contentType, width, height } = encoded
  const name = `image-${seed ?? place + 1}`
  const image = await addOutput(encoded.bytes, {
    role: 'image',
    contentType,
    name: `${name}.${format === 'jpeg' ? 'jpg' : format}`,
  })
  const thumbnail = await addOutput(small.bytes, {
    role: 'thumbnail',
    contentType: small.contentType,
    name: `${name}-small.webp`,
  })
  return {
    image: image.id,
    thumbnail: thumbnail.id,
    contentType,
    sizeBytes: encoded.bytes.byteLength,
    thumbnailBytes: small.bytes.byteLength,
    width,
    height,
    kind,
    ...(seed === undefined ? {} : { seed }),
    ...(revisedPrompt === undefined ? {} : { revisedPrompt }),
  }
}
