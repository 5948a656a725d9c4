import { randomUUID } from 'node:crypto'
import { asHoldfastError, HoldfastError, invalidField } from '@holdfast/errors'
import type { DocumentStore, ErasureReport } from '@holdfast/persistence'
import type { AttemptEnd } from './attempt-home.js'
import { DatabaseClock } from './clock.js'
import { EndedJobs } from './ended-jobs.js'
import { Endings } from './ending.js'
import { isAborted, jobNotFound } from './failures.js'
import type { Job, JobEvent, JobPage, JobProgress } from './job.js'
import { jobStates } from './job.js'
import type { JobKind } from './job-kind.js'
import type {
  CancelOptions,
  Jobs,
  JobsHealth,
  ListOptions,
  OfTenant,
  OpenJobs,
  WaitOptions,
  WatchOptions,
} from './jobs.js'
import { observeJobs } from './jobs-metrics.js'
import type { JobsOptions } from './jobs-options.js'
import { Slots } from './limits.js'
import { type JobNews, Newsroom } from './news.js'
import {
  type EventRecord,
  finalEvent,
  impliedEvents,
  isEnded,
  type JobDocument,
  type JobRecord,
  toJob,
} from './record.js'
import { loadJson } from './stored-json.js'
import type { SubmitOptions } from './submission.js'
import { Submissions } from './submissions.js'
import { defaultTenant, Tables, type TenantTables } from './tables.js'
import { Tenants } from './tenants.js'
import { watchJob } from './watch.js'
import { Worker } from './worker.js'

const maxRaces = 50

/** With every default filled in. */
type KnownOptions = Required<Omit<JobsOptions, 'kinds' | 'onEnd'>> & Pick<JobsOptions, 'onEnd'>

/** Jobs over a document store: what is asked of them, wherever they run. */
export class StoredJobs implements Jobs {
  readonly #options: KnownOptions
  readonly #kinds: readonly string[]
  readonly #clock: DatabaseClock
  readonly #tables: Tables
  readonly #tenants: Tenants
  readonly #endings: Endings
  readonly #ended: EndedJobs
  readonly #worker: Worker
  readonly #submissions: Submissions
  readonly #news: Newsroom
  readonly #hear = (news: JobNews): void => this.#heard(news)
  #stopListening: (() => Promise<void>) | undefined
  #observed: Disposable | undefined
  #closing: Promise<void> | undefined

  constructor(store: DocumentStore, kinds: ReadonlyMap<string, JobKind>, options: KnownOptions) {
    this.#options = options
    this.#kinds = [...kinds.keys()]
    this.#clock = new DatabaseClock(store)
    this.#tables = new Tables(store, options.retainMs)
    this.#tenants = new Tenants(store)
    this.#endings = new Endings(this.#tables)
    this.#ended = new EndedJobs(this.#tables)
    this.#news = Newsroom.of(store)
    const home = {
      ...options,
      holder: randomUUID(),
      kinds,
      clock: this.#clock,
      endings: this.#endings,
      tables: this.#tables,
      tenants: this.#tenants,
      slots: new Slots(options.leaseMs),
      inFlight: new Map<string, Promise<unknown>>(),
      onEnd: (tables: TenantTables, job: JobDocument, value?: unknown) => this.#onEnd(tables, job, value),
      onCached: ({ tenant }: TenantTables, job: JobDocument) => options.onEnd?.(toJob(tenant, job)),
    }
    this.#worker = new Worker(home, options)
    this.#submissions = new Submissions(home, this.#worker, options.maxQueued, (tenant) => {
      this.#worker.queued(tenant)
      this.#news.tell({ queued: [tenant] }, this.#hear)
    })
  }

  async start(): Promise<void> {
    await this.#clock.start()
    this.#stopListening = this.#news.listen(this.#hear)
    this.#worker.start()
    this.#observed = observeJobs(() => this.health())
  }

  async submit<Input, Output>(
    kind: JobKind<Input, Output>,
    input: Input,
    options: SubmitOptions = {},
  ): Promise<Job<Input, Output>> {
    const tables = this.#of(options)
    const { document } = await this.#submissions.submit(tables, kind, input, options)
    return toJob(tables.tenant, document) as Job<Input, Output>
  }

  async run<Input, Output>(
    kind: JobKind<Input, Output>,
    input: Input,
    options: SubmitOptions & { readonly signal?: AbortSignal } = {},
  ): Promise<Job<Input, Output>> {
    const tables = this.#of(options)
    const { document, end } = await this.#submissions.submit(tables, kind, input, options, true)
    if (isEnded(document.data)) return (await this.#whole(tables, document)) as Job<Input, Output>
    const own = await this.#own(end, options.signal)
    if (own?.job !== undefined && isEnded(own.job.data)) {
      return (await this.#whole(tables, own.job, own.value)) as Job<Input, Output>
    }
    const { document: last, value } = await this.#wait(tables, document.id, options.signal)
    return (await this.#whole(tables, last, value)) as Job<Input, Output>
  }

  async get(id: string, options: OfTenant = {}): Promise<Job> {
    const tables = this.#of(options)
    const document = await tables.jobs.get(checkId(id))
    if (document === undefined) throw jobNotFound(id)
    const job = await this.#whole(tables, document)
    if (isEnded(document.data) || document.data.attempt === 0) return job
    const progress = await lastProgress(tables, id)
    return progress === undefined ? job : { ...job, progress }
  }

  async wait(id: string, options: WaitOptions = {}): Promise<Job> {
    const tables = this.#of(options)
    const ended = this.#wait(tables, checkId(id), options.signal)
    ended.catch(() => undefined)
    const document = await tables.jobs.get(id)
    if (document === undefined) throw jobNotFound(id)
    this.#ended.ended(tables, document)
    const { document: last, value } = await ended
    return this.#whole(tables, last, value)
  }

  watch(id: string, options: WatchOptions = {}): AsyncIterable<JobEvent> {
    const { after = 0, signal } = options
    if (!Number.isSafeInteger(after) || after < 0) throw invalidField('after', 'must be an integer, 0 or more')
    return watchJob(this.#of(options), this.#ended, checkId(id), after, signal)
  }

  async cancel(id: string, options: CancelOptions = {}): Promise<Job> {
    const tables = this.#of(options)
    const { waitMs = 1_000 } = options
    if (!Number.isSafeInteger(waitMs) || waitMs < 0) throw invalidField('waitMs', 'must be an integer, 0 or more')
    const wait = waitMs === 0 ? undefined : AbortSignal.timeout(waitMs)
    const ended = wait === undefined ? undefined : this.#ended.wait(tables, checkId(id), wait)
    ended?.catch(() => undefined)
    const document = await this.#change(tables, id, (record) => {
      if (isEnded(record)) return undefined
      if (record.state === 'running') {
        return record.cancelRequested === true ? undefined : { ...record, cancelRequested: true }
      }
      const { open: _, readyAt: __, timed: ___, error: ____, ...rest } = record
      return { ...rest, state: 'cancelled', endedAt: this.#clock.now() }
    })
    if (isEnded(document.data)) {
      this.#onEnd(tables, document)
      return this.#whole(tables, document)
    }
    const attempt = this.#worker.attempt(tables.tenant, id)
    if (attempt?.record.holder === document.data.holder) attempt?.see(document)
    else this.#news.tell({ cancelled: [[tables.tenant, id, document.data.attempt]] }, this.#hear)
    if (ended === undefined) return this.#whole(tables, document)
    try {
      return await this.#whole(tables, (await ended).document)
    } catch (error) {
      if (wait?.aborted !== true) throw error
      return this.get(id, options)
    }
  }

  async list(options: ListOptions = {}): Promise<JobPage> {
    const { jobs, tenant } = this.#of(options)
    const { kind, state, label, limit = 100, cursor, signal } = options
    const until = signal === undefined ? {} : { signal }
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000) {
      throw invalidField('limit', 'must be an integer from 1 to 1000')
    }
    const states = state === undefined ? [] : [state].flat()
    for (const one of states) {
      if (!jobStates.includes(one)) throw invalidField('state', `must be among ${jobStates.join(', ')}`)
    }
    const filter = {
      ...(kind === undefined ? {} : { kind: { $in: [kind].flat() } }),
      ...(states.length === 0 ? {} : { state: { $in: states } }),
      ...(label === undefined ? {} : { labels: label }),
    }
    const page = await jobs
      .find(filter, { sort: { _id: -1 }, limit, ...(cursor === undefined ? {} : { after: cursor }), ...until })
      .page()
    const items = page.items.map((document) => toJob(tenant, document))
    return page.next === undefined ? { items } : { items, next: page.next }
  }

  async retry(id: string, options: OfTenant = {}): Promise<Job> {
    const tables = this.#of(options)
    await this.#tenants.note(tables.tenant)
    const document = await this.#change(
      tables,
      checkId(id),
      (record) => {
        if (!isEnded(record)) {
          throw new HoldfastError(
            'FAILED_PRECONDITION',
            `Job ${id} is ${record.state}: only what has ended is retried`,
            {
              reason: 'JOB_NOT_OVER',
            },
          )
        }
        if (record.state === 'succeeded') {
          throw new HoldfastError('FAILED_PRECONDITION', `Job ${id} has succeeded: submit another one`, {
            reason: 'JOB_SUCCEEDED',
          })
        }
        const { endedAt: _, error: __, deadline: ___, stopped: ____, silent: _____, holder: ______, ...rest } = record
        const queued = { ...rest, state: 'queued', open: true, readyAt: this.#clock.now(), tries: 0 } as const
        return record.attempt === 0 ? { ...queued, hasLog: true } : queued
      },
      [{ type: 'queued' }],
    )
    this.#worker.wake(tables.tenant)
    this.#news.tell({ queued: [tables.tenant] }, this.#hear)
    return this.#whole(tables, document)
  }

  async eraseTenant(tenant: string): Promise<ErasureReport> {
    const { scope } = this.#tables.of(tenant)
    await this.#worker.abandon(tenant)
    const report = await (scope === this.#tables.store ? this.#tables.store.tenant(defaultTenant) : scope).eraseTenant()
    await this.#tenants.forget(tenant)
    return report
  }

  async open(): Promise<OpenJobs[]> {
    const tenants = await this.#tenants.known()
    const counts = async (kind: string): Promise<OpenJobs> => {
      const count = async (state: 'queued' | 'running'): Promise<number> => {
        const each = tenants.map((tenant) => this.#tables.of(tenant).jobs.count({ open: true, state, kind }))
        return (await Promise.all(each)).reduce((sum, one) => sum + one, 0)
      }
      const [queued, running] = await Promise.all([count('queued'), count('running')])
      return { kind, queued, running }
    }
    return Promise.all(this.#kinds.map(counts))
  }

  health(): JobsHealth {
    const { failure, running } = this.#worker
    const state = this.#closing !== undefined ? 'stopping' : failure === undefined ? 'ok' : 'failing'
    const { workers } = this.#options
    return { state, workers, running, ...(failure === undefined ? {} : { error: failure.message }) }
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#observed?.[Symbol.dispose]()
      await this.#worker.stop()
      this.#ended.close(
        new HoldfastError('UNAVAILABLE', 'The jobs were closed: ask another process', { reason: 'JOBS_CLOSED' }),
      )
      await this.#stopListening?.()
    })()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #of({ tenant = defaultTenant }: OfTenant): TenantTables {
    if (this.#closing !== undefined) {
      throw new HoldfastError('UNAVAILABLE', 'The jobs were closed: ask another process', { reason: 'JOBS_CLOSED' })
    }
    return this.#tables.of(tenant)
  }

  /** The end of an attempt that runs here, if it comes before the signal aborts. */
  #own(end: Promise<AttemptEnd> | undefined, signal: AbortSignal | undefined): Promise<AttemptEnd | undefined> {
    if (end === undefined || signal === undefined) return end ?? Promise.resolve(undefined)
    return new Promise((resolve) => {
      const leave = (): void => resolve(undefined)
      if (signal.aborted) leave()
      signal.addEventListener('abort', leave, { once: true })
      void end.then((ended) => {
        signal.removeEventListener('abort', leave)
        resolve(ended)
      })
    })
  }

  async #wait(
    tables: TenantTables,
    id: string,
    signal: AbortSignal | undefined,
  ): Promise<{ document: JobDocument; value?: unknown }> {
    try {
      return await this.#ended.wait(tables, id, signal)
    } catch (error) {
      if (signal?.aborted !== true || error instanceof HoldfastError) throw error
      throw new HoldfastError('CANCELLED', `The wait for job ${id} was ended; the job goes on`, { cause: error })
    }
  }

  /** With what it keeps in blobs. */
  async #whole(tables: TenantTables, document: JobDocument, value?: unknown): Promise<Job> {
    const job = toJob(tables.tenant, document)
    const { input, output } = document.data
    const isLarge = 'blob' in input || (output !== undefined && 'blob' in output)
    if (!isLarge) return job
    return {
      ...job,
      input: await loadJson(tables.scope, input),
      ...(output === undefined ? {} : { output: value ?? (await loadJson(tables.scope, output)) }),
    }
  }

  /** Changes a stored job, by compare and set. @param then events for its log @throws NOT_FOUND */
  async #change(
    tables: TenantTables,
    id: string,
    change: (record: JobRecord) => JobRecord | undefined,
    then: readonly EventRecord[] = [],
  ): Promise<JobDocument> {
    for (let race = 0; ; race += 1) {
      const document = await tables.jobs.get(id)
      if (document === undefined) throw jobNotFound(id)
      const { data, version } = document
      const changed = change(data)
      if (changed === undefined) return document
      const hasEnded = isEnded(changed)
      const isLogged = then.length > 0 || (hasEnded && (data.attempt > 0 || data.hasLog === true))
      const next: JobRecord = hasEnded && !isLogged ? { ...changed, silent: true } : changed
      const eventsNext = isLogged ? (await tables.events.head(id)).next : 1
      const before = eventsNext === 1 ? impliedEvents(data) : []
      const events = isLogged ? [...before, ...(hasEnded ? [finalEvent(next)] : then)] : []
      const ttlMs = hasEnded ? this.#options.retainMs : null
      try {
        return {
          ...document,
          version: await this.#endings.write({ tables, id, version, next, ttlMs, events, eventsNext }),
          data: next,
        }
      } catch (error) {
        if (!isAborted(error) || race === maxRaces) throw asHoldfastError(error, `Changing job ${id}`)
      }
    }
  }

  #onEnd(tables: TenantTables, job: JobDocument, value?: unknown): void {
    this.#ended.ended(tables, job, value)
    if (isEnded(job.data)) this.#options.onEnd?.(toJob(tables.tenant, job))
    if (isEnded(job.data)) this.#news.tell({ ended: [[tables.tenant, job.id]] }, this.#hear)
    else if ((job.data.readyAt ?? 0) <= this.#clock.now()) this.#news.tell({ queued: [tables.tenant] }, this.#hear)
  }

  #heard({ queued = [], cancelled = [], ended = [] }: JobNews): void {
    for (const tenant of queued) this.#worker.wake(tenant)
    for (const [tenant, id] of cancelled)
      void this.#worker
        .attempt(tenant, id)
        ?.check()
        .catch(() => undefined)
    this.#ended.heard(ended)
  }
}

async function lastProgress({ events }: TenantTables, id: string): Promise<JobProgress | undefined> {
  const entries = await events.read(id, { reverse: true, limit: 10 })
  for (const { data } of entries) {
    if (data.type === 'started' || data.type === 'queued') return undefined
    if (data.type !== 'progress') continue
    const { type: _, at: __, ...progress } = data
    return progress
  }
  return undefined
}

function checkId(id: string): string {
  if (typeof id === 'string' && id.length > 0 && id.length <= 200) return id
  throw invalidField('id', 'must be the id of a job')
}
