import { pictureOfInput, type PictureSource } from '@holdfast/job-service'
import { type JobContext, type JobKind, jobKind } from '@holdfast/jobs'
import { defaultPictureLimits, type PictureLimits, type TakenPicture, type VisionModel } from '@holdfast/models'
import type { PictureInfo, VisionInput, VisionResult } from './vision-result.js'

export interface VisionWorkOptions {
  readonly model: VisionModel
  /** What pictures may be at most; default: 20 MiB, 50 million pixels. */
  readonly limits?: Partial<PictureLimits>
  /** Of one attempt; default 120,000. */
  readonly timeoutMs?: number
  /** Attempts at once over all processes; default: as many as there are workers. */
  readonly perModel?: number
  readonly perTenant?: number
}

/** What a process needs to see: the kind of job for `openJobs`, and what `createVisionService` serves. */
export interface VisionWork {
  readonly kind: JobKind<VisionInput, VisionResult>
  readonly model: VisionModel
  readonly limits: PictureLimits
}

export function visionWork({
  model,
  timeoutMs = 120_000,
  perModel,
  perTenant,
  ...options
}: VisionWorkOptions): VisionWork {
  const limits = { ...defaultPictureLimits, ...options.limits }
  const { name, version, provider, canStop } = model
  const parameters = ({ tasks, prompt, minScore, limit }: VisionInput) => ({ tasks, prompt, minScore, limit })
  const kind = jobKind<VisionInput, VisionResult>({
    name: 'vision-ai',
    // An endpoint may cost money.
    startsEarly: provider === 'local',
    model: () => ({ name, version, provider, canStop }),
    cache: parameters,
    parameters,
    outputRole: 'vision',
    timeoutMs,
    concurrency: {
      ...(perModel === undefined ? {} : { perModel }),
      ...(perTenant === undefined ? {} : { perTenant }),
    },
    run: (input, context) => look(model, limits, input, context),
  })
  return { kind, model, limits }
}

async function look(
  model: VisionModel,
  limits: PictureLimits,
  input: VisionInput,
  context: JobContext,
): Promise<VisionResult> {
  const { signal, store, report, usage } = context
  const { tasks, prompt, minScore, limit } = input
  const take = (source: PictureSource, field: string): Promise<TakenPicture> =>
    pictureOfInput(store, source, { field, limits, signal })
  const picture = await take(input.picture, 'picture')
  let result: VisionResult = { picture: infoOf(picture, input.picture) }
  for (const [n, task] of tasks.entries()) {
    signal.throwIfAborted()
    report({ stage: task, fraction: n / tasks.length })
    switch (task) {
      case 'describe': {
        const {
          text,
          basis,
          usage: used,
        } = await model.describe(picture, { signal, ...(prompt === undefined ? {} : { prompt }) })
        usage(used)
        result = { ...result, description: { text, basis } }
        break
      }
      case 'detect': {
        const wanted = { ...(minScore === undefined ? {} : { minScore }), ...(limit === undefined ? {} : { limit }) }
        const { objects, usage: used } = await model.detect(picture, { signal, ...wanted })
        usage(used)
        result = { ...result, objects }
        break
      }
      case 'read': {
        const { lines, usage: used } = await model.read(picture, { signal })
        usage(used)
        result = { ...result, lines }
        break
      }
      case 'compare': {
        const source = input.other ?? input.picture
        const other = await take(source, 'other')
        const one = await model.embed(picture, { signal })
        const two = await model.embed(other, { signal })
        usage(one.usage)
        usage(two.usage)
        result = { ...result, similarity: cosine(one.vector, two.vector), other: infoOf(other, source) }
        break
      }
    }
  }
  return result
}

function infoOf({ width, height, contentType, wasRotated }: TakenPicture, { id }: PictureSource): PictureInfo {
  return { width, height, contentType, wasRotated, artifact: id }
}

/** Of vectors of length 1; rounded to what 32-bit numbers can tell. */
function cosine(one: Float32Array, other: Float32Array): number {
  const product = one.reduce((sum, value, n) => sum + value * (other[n] ?? 0), 0)
  return Math.round(Math.min(1, Math.max(-1, product)) * 1e6) / 1e6
}
