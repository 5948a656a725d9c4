import type { Collection, CollectionOptions, Scope } from '@holdfast/persistence'
import type { Job } from '@holdfast/jobs'
import type { ImageInput, ImageResult, MadeImage } from './image-result.js'

export interface GalleryImage extends MadeImage {
  readonly job: string
  readonly prompt: string
  readonly createdAt: Date
}

export interface GalleryOptions {
  /** Of jobs with this label; default: all. */
  readonly label?: string
  /** Words that the prompt has, all of them: `"red barn" moon -snow`; default: any prompt. */
  readonly query?: string
  /** 1 to 200; default 50. */
  readonly limit?: number
  /** From the page before. */
  readonly cursor?: string
}

export interface GalleryPage {
  readonly items: readonly GalleryImage[]
  /** Absent on the last page. */
  readonly next?: string
}

interface GalleryRecord extends MadeImage {
  readonly job: string
  readonly prompt: string
  readonly labels: readonly string[]
  /** Milliseconds since 1970. */
  readonly at: number
}

const options: CollectionOptions<GalleryRecord> = {
  indexes: [{ on: 'labels' }, { on: ['prompt'], text: true }],
}

const galleryIn = (scope: Scope): Collection<GalleryRecord> => scope.collection<GalleryRecord>('image-gallery', options)

/** Puts what a job made into the gallery, in the transaction that ends it: an image is there when, and only when, its job has succeeded. What was
 *  answered from the cache is there already. */
export async function hangUp(tx: Scope, job: Job<ImageInput, ImageResult>, { images }: ImageResult): Promise<void> {
  const gallery = galleryIn(tx)
  for (const [n, image] of images.entries()) {
    // Ids of jobs grow with time. The last digits count down, so that the newest first are a job's first first.
    const id = `${job.id}-${String(99 - n).padStart(2, '0')}`
    const { prompt } = job.input
    await gallery.put(id, { ...image, job: job.id, prompt, labels: job.labels, at: job.createdAt.getTime() })
  }
}

/** Newest first. @throws INVALID_ARGUMENT for a cursor of another listing */
export async function gallery(
  scope: Scope,
  { label, query, limit = 50, cursor }: GalleryOptions,
): Promise<GalleryPage> {
  const filter = {
    ...(label === undefined ? {} : { labels: label }),
    ...(query === undefined ? {} : { $text: { $search: allOf(query) } }),
  }
  const found = galleryIn(scope).find(filter, {
    sort: { _id: -1 },
    limit,
    ...(cursor === undefined ? {} : { after: cursor }),
  })
  const { items, next } = await found.page()
  const images = items.map(({ data: { labels: _labels, at, ...image } }) => ({ ...image, createdAt: new Date(at) }))
  return next === undefined ? { items: images } : { items: images, next }
}

/** `$text` looks for any of the words, and for all that stands in quotes. */
function allOf(query: string): string {
  const parts = query.match(/-?"[^"]*"?|[^\s"]+/g) ?? []
  return parts.map((part) => (part.startsWith('-') || part.startsWith('"') ? part : `"${part}"`)).join(' ')
}
