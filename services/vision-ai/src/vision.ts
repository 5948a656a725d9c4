import { HoldfastError, invalidField } from '@holdfast/errors'
import type { PictureSource } from '@holdfast/job-service'
import { type Job, type Jobs, outputOf, type SubmitOptions } from '@holdfast/jobs'
import type { VisionInput, VisionResult, VisionTask } from './vision-result.js'
import type { VisionWork } from './vision-work.js'

export interface Pictures {
  readonly picture: PictureSource
  /** Of `compare`. */
  readonly other?: PictureSource
}

export interface LookOptions {
  /** What a description is to look for; at most 4,096 characters. */
  readonly prompt?: string
  /** 0 to 1; default: as the model thinks best. */
  readonly minScore?: number
  /** 1 to 1,000; default 100. */
  readonly limit?: number
}

export type VisionJob = Job<VisionInput, VisionResult>

const abilities = { describe: 'describe', detect: 'detect', read: 'read', compare: 'embed' } as const

/** What the service does; knows nothing of the wire. */
export class Vision {
  readonly jobs: Jobs
  readonly work: VisionWork

  constructor(jobs: Jobs, work: VisionWork) {
    this.jobs = jobs
    this.work = work
  }

  /** What a request asks for, before its pictures are taken in. @throws INVALID_ARGUMENT; UNIMPLEMENTED for what the model cannot do */
  check(tasks: readonly VisionTask[], options: LookOptions = {}): void {
    const { prompt = '', minScore = 0, limit = 1 } = options
    if (tasks.length === 0) throw invalidField('tasks', 'is empty: say what is to be done')
    for (const task of tasks) {
      if (this.work.model.abilities.has(abilities[task])) continue
      throw new HoldfastError('UNIMPLEMENTED', `The model ${this.work.model.name} cannot ${task}`, {
        reason: 'MODEL_CANNOT',
      })
    }
    if (prompt.length > 4_096) throw invalidField('prompt', 'has more than 4,096 characters')
    if (!(minScore >= 0 && minScore <= 1)) throw invalidField('minScore', `is ${minScore}: 0 to 1`)
    if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) throw invalidField('limit', `is ${limit}: 1 to 1,000`)
  }

  /** Takes the job and answers before it is done. */
  submit(
    pictures: Pictures,
    tasks: readonly VisionTask[],
    options: LookOptions = {},
    submit: SubmitOptions = {},
  ): Promise<VisionJob> {
    const { input, inputs } = this.#asked(pictures, tasks, options)
    return this.jobs.submit(this.work.kind, input, { ...submit, inputs })
  }

  /** Submits, works and waits. @throws what the job failed with */
  async look(
    pictures: Pictures,
    tasks: readonly VisionTask[],
    options: LookOptions = {},
    submit: SubmitOptions & { readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly job: VisionJob; readonly result: VisionResult }> {
    const { input, inputs } = this.#asked(pictures, tasks, options)
    const job = await this.jobs.run(this.work.kind, input, { ...submit, inputs })
    return { job, result: outputOf(job) }
  }

  /** @throws UNAVAILABLE, or why the model cannot work */
  async health(): Promise<void> {
    const { state, error } = this.jobs.health()
    if (state === 'failing') throw new HoldfastError('UNAVAILABLE', `Jobs cannot be looked for: ${error}`)
    const check = await this.work.model.check()
    if (!check.ok) throw check.error ?? new HoldfastError('UNAVAILABLE', check.detail)
  }

  #asked(
    { picture, other }: Pictures,
    tasks: readonly VisionTask[],
    options: LookOptions,
  ): { input: VisionInput; inputs: string[] } {
    this.check(tasks, options)
    const compares = tasks.includes('compare')
    if (compares && other === undefined) throw invalidField('other', 'is missing: send the picture to compare with')
    if (!compares && other !== undefined) throw invalidField('other', 'is for comparing only')
    const { prompt, minScore, limit } = options
    const input = {
      picture,
      ...(other === undefined ? {} : { other }),
      tasks: [...new Set(tasks)],
      ...(prompt === undefined ? {} : { prompt }),
      ...(minScore === undefined ? {} : { minScore }),
      ...(limit === undefined ? {} : { limit }),
    }
    return { input, inputs: [picture.id, ...(other === undefined ? [] : [other.id])] }
  }
}
