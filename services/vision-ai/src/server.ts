import { invalidField } from '@holdfast/errors'
import {
  jobMethods,
  jobToWire,
  namedFields,
  pictureFromMedia,
  type PictureSource,
  submitOptions,
} from '@holdfast/job-service'
import type { Job } from '@holdfast/jobs'
import type { DetectedObject, TextLine } from '@holdfast/models'
import type { TenantStore } from '@holdfast/persistence'
import { type jobs as jobsWire, vision as wire } from '@holdfast/protocol'
import { type CallContext, defineService, type GrpcService } from '@holdfast/server'
import type { LookOptions, Vision } from './vision.js'
import type { PictureInfo, VisionResult, VisionTask } from './vision-result.js'

interface PictureRequest {
  readonly picture: jobsWire.Media | undefined
  readonly other?: jobsWire.Media | undefined
  readonly options: jobsWire.JobOptions | undefined
}

/** holdfast.vision.v1.VisionService: requests to what the service does, what it answers to responses, and nothing else. */
export function visionGrpcService(engine: Vision, store: TenantStore): GrpcService {
  const { jobs, work } = engine
  const message = (job: jobsWire.Job, stored: Job, isListed: boolean): wire.VisionJob => ({
    job,
    result: isListed || stored.output === undefined ? undefined : resultToWire(stored.output as VisionResult),
  })
  const whole = (job: Job): wire.VisionJob => message(jobToWire(job, { hasTypedOutput: true }), job, false)
  const take = (media: jobsWire.Media | undefined, field: string, { signal }: CallContext): Promise<PictureSource> =>
    pictureFromMedia(store, media, { field, limits: work.limits, signal })

  /** One of the unary calls: all but its own part of the answer. */
  async function look(request: PictureRequest, task: VisionTask, options: LookOptions, context: CallContext) {
    const submit = submitOptions(request.options)
    engine.check([task], options)
    const picture = await take(request.picture, 'picture', context)
    const pictures = task === 'compare' ? { picture, other: await take(request.other, 'other', context) } : { picture }
    const { job, result } = await engine.look(pictures, [task], options, { ...submit, signal: context.signal })
    context.annotate({ jobId: job.id })
    return { job: whole(job), result }
  }

  return defineService(wire.VisionServiceService, {
    ...jobMethods({ jobs, kind: work.kind.name, message }),

    submit: (request, context) =>
      named(async () => {
        const submit = submitOptions(request.options)
        const tasks = request.tasks.map(taskFromWire)
        const options = { ...describeOptions(request.describe), ...detectOptions(request.detect) }
        engine.check(tasks, options)
        const picture = await take(request.picture, 'picture', context)
        const other = request.other === undefined ? {} : { other: await take(request.other, 'other', context) }
        const job = await engine.submit({ picture, ...other }, tasks, options, submit)
        context.annotate({ jobId: job.id })
        return { job: whole(job) }
      }),

    describe: (request, context) =>
      named(async () => {
        const { job, result } = await look(request, 'describe', describeOptions(request.describe), context)
        return { description: result.description, job }
      }),

    detect: (request, context) =>
      named(async () => {
        const { job, result } = await look(request, 'detect', detectOptions(request.detect), context)
        return { objects: objectsToWire(result.objects), job }
      }),

    readText: (request, context) =>
      named(async () => {
        const { job, result } = await look(request, 'read', {}, context)
        return { ...textToWire(result.lines), job }
      }),

    compare: (request, context) =>
      named(async () => {
        const { job, result } = await look(request, 'compare', {}, context)
        return { similarity: result.similarity ?? 0, job }
      }),
  })
}

const tasks: ReadonlyMap<wire.VisionTask, VisionTask> = new Map([
  [wire.VisionTask.DESCRIBE, 'describe'],
  [wire.VisionTask.DETECT, 'detect'],
  [wire.VisionTask.READ_TEXT, 'read'],
  [wire.VisionTask.COMPARE, 'compare'],
])

function taskFromWire(task: wire.VisionTask, place: number): VisionTask {
  const known = tasks.get(task)
  if (known === undefined) throw invalidField(`tasks[${place}]`, `is ${task}: there is no such task`)
  return known
}

function describeOptions(options: wire.DescribeOptions | undefined): LookOptions {
  return options === undefined || options.prompt === '' ? {} : { prompt: options.prompt }
}

function detectOptions(options: wire.DetectOptions | undefined): LookOptions {
  const { minScore, limit = 0 } = options ?? {}
  return { ...(minScore === undefined ? {} : { minScore }), ...(limit === 0 ? {} : { limit }) }
}

function resultToWire({ picture, description, objects, lines, similarity, other }: VisionResult): wire.VisionResult {
  return {
    picture: infoToWire(picture),
    description,
    detections: objects === undefined ? undefined : { objects: objectsToWire(objects) },
    text: lines === undefined ? undefined : textToWire(lines),
    comparison:
      similarity === undefined ? undefined : { similarity, other: other === undefined ? undefined : infoToWire(other) },
  }
}

function infoToWire({ artifact, ...info }: PictureInfo): wire.PictureInfo {
  return { ...info, artifactId: artifact }
}

function objectsToWire(objects: readonly DetectedObject[] = []): wire.DetectedObject[] {
  return objects.map(({ label, score, box }) => ({ label, score, box }))
}

function textToWire(lines: readonly TextLine[] = []): { text: string; lines: wire.TextLine[] } {
  return {
    text: lines.map(({ text }) => text).join('\n'),
    lines: lines.map(({ text, score, box }) => ({ text, score, box })),
  }
}

const fields: Readonly<Record<string, string>> = {
  prompt: 'describe.prompt',
  minScore: 'detect.min_score',
  limit: 'detect.limit',
}

/** Errors with their fields named as the caller wrote them. */
function named<T>(work: () => Promise<T>): Promise<T> {
  return namedFields(fields, work)
}
