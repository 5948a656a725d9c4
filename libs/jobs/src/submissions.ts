import { HoldfastError, invalidField } from '@holdfast/errors'
import type { AttemptEnd } from './attempt-home.js'
import type { JobKind } from './job-kind.js'
import { limitsOf } from './limits.js'
import { ensureInputs } from './lineage/inputs.js'
import { type JobDocument, type JobRecord, jobsCollection } from './record.js'
import { findResult } from './results.js'
import { blobsOf, storeJson } from './stored-json.js'
import {
  checkSubmission,
  newId,
  otherInput,
  submittedBefore,
  type Submission,
  type SubmitOptions,
  withInput,
} from './submission.js'
import { jobsIn, type TenantTables } from './tables.js'
import type { Reservation, Worker, WorkerHome } from './worker.js'

/** How long a count of waiting jobs is good for. */
const countForMs = 250

export interface Submitted {
  readonly document: JobDocument
  /** Of an attempt that was begun here at once. */
  readonly end?: Promise<AttemptEnd>
}

/** Brings jobs into the store: answered from the cache, running here, or queued. Each is one write. */
export class Submissions {
  readonly #home: WorkerHome
  readonly #worker: Worker
  readonly #maxQueued: number
  readonly #onQueued: (tenant: string) => void
  readonly #counts = new Map<string, QueueCount>()

  constructor(home: WorkerHome, worker: Worker, maxQueued: number, onQueued: (tenant: string) => void) {
    this.#home = home
    this.#worker = worker
    this.#maxQueued = maxQueued
    this.#onQueued = onQueued
  }

  /** @param waits the caller has no job before it has ended */
  async submit(
    tables: TenantTables,
    kind: JobKind,
    input: unknown,
    options: SubmitOptions,
    waits = false,
  ): Promise<Submitted> {
    if (this.#home.kinds.get(kind.name) !== kind) {
      throw invalidField('kind', `is not one that this process was opened with: name ${kind.name} in \`kinds\``)
    }
    const submission = checkSubmission(kind, input, options)
    const { record } = submission
    await this.#home.tenants.note(tables.tenant)
    const looksUp = record.cacheKey !== undefined && record.refresh !== true
    const [stored, cached] = await Promise.all([
      storeJson(tables.scope, submission.input, 'input'),
      looksUp ? findResult(tables, record.cacheKey) : undefined,
      ensureInputs(tables.scope, record.inputs, this.#home.clock.now()),
    ])
    const base = withInput(record, this.#home.clock.now(), stored, submission.deadlineMs)
    if (cached !== undefined) return this.#fromCache(tables, submission, base, cached)
    const limits = limitsOf(kind, record.model)
    const reservation = await this.#worker.reserve(kind, limits, tables)
    if (reservation === undefined) return this.#queue(tables, submission, base)
    const startsEarly = waits && kind.startsEarly === true
    return this.#begin(tables, submission, base, reservation, startsEarly)
  }

  async #fromCache(
    tables: TenantTables,
    submission: Submission,
    base: Omit<JobRecord, 'state'>,
    { id: from, data }: JobDocument,
  ): Promise<Submitted> {
    const next: JobRecord = {
      ...base,
      state: 'succeeded',
      endedAt: base.createdAt,
      fromCache: from,
      silent: true,
      outputs: data.outputs,
      ...(data.output === undefined ? {} : { output: data.output }),
    }
    const document = await this.#insert(tables, submission, next, this.#home.retainMs)
    if (document.data === next) this.#home.onCached(tables, document)
    return { document }
  }

  async #queue(tables: TenantTables, submission: Submission, base: Omit<JobRecord, 'state'>): Promise<Submitted> {
    await this.#checkQueue(tables)
    const record: JobRecord = { ...base, state: 'queued', open: true, readyAt: base.createdAt }
    const document = await this.#insert(tables, submission, record, null)
    if (document.data.state === 'queued') this.#onQueued(tables.tenant)
    if (base.deadline !== undefined) this.#worker.wakeIn(base.deadline - base.createdAt + 1)
    return { document }
  }

  /** Stored as running here. No claim was needed for that, so that there is no lease yet: others look for it when it should have been renewed. */
  async #begin(
    tables: TenantTables,
    submission: Submission,
    base: Omit<JobRecord, 'state'>,
    reservation: Reservation,
    startsEarly: boolean,
  ): Promise<Submitted> {
    const { holder, leaseMs } = this.#home
    // Assigned to, and not spread: see attempt-ending.ts.
    const record: JobRecord = Object.assign(base, {
      state: 'running' as const,
      open: true as const,
      readyAt: base.createdAt + leaseMs,
      holder,
      attempt: 1,
      tries: 1,
      startedAt: base.createdAt,
      firstStartedAt: base.createdAt,
    })
    if (startsEarly) {
      const id = newId(record.createdAt)
      const inserted = this.#insert(tables, submission, record, null, id)
      const stored = inserted.then((found) => {
        if (found.data !== record) throw submittedBefore(found.id)
      })
      const at = new Date(record.createdAt)
      const document = { id, version: 1, createdAt: at, updatedAt: at, data: record }
      const end = this.#worker.begin(reservation, tables, document, { stored })
      const found = await inserted
      return found.data === record ? { document: found, end } : { document: found }
    }
    let document: JobDocument
    try {
      document = await this.#insert(tables, submission, record, null)
    } catch (error) {
      await this.#worker.cancelReservation(reservation)
      throw error
    }
    if (document.data !== record) {
      await this.#worker.cancelReservation(reservation)
      return { document }
    }
    return { document, end: this.#worker.begin(reservation, tables, document) }
  }

  /** @returns the job that is there, if it was submitted before with the same key and input */
  async #insert(
    { jobs, scope }: TenantTables,
    { record: { kind, key } }: Submission,
    record: JobRecord,
    ttlMs: number | null,
    id = newId(record.createdAt),
  ): Promise<JobDocument> {
    const blobs = blobsOf(record.input, record.output)
    try {
      if (blobs.length === 0) return { ...(await jobs.insertOne(record, { id, ttlMs })), data: record }
      return await scope.transaction(async (tx) => {
        const document = await jobsIn(tx).insertOne(record, { id, ttlMs })
        for (const hash of blobs) await tx.blobs.link(hash, { collection: jobsCollection, id })
        return { ...document, data: record }
      })
    } catch (error) {
      if (key === undefined || !(error instanceof HoldfastError) || error.code !== 'ALREADY_EXISTS') throw error
      const document = await jobs.findOne({ keyed: true, kind, key })
      // Its retention ended just now.
      if (document === undefined) throw error
      if (document.data.asked !== record.asked) throw otherInput(key)
      return document
    }
  }

  /** Counted anew now and then, with what was queued here since; other processes' queueing shows with the next count. */
  async #checkQueue({ tenant, jobs }: TenantTables): Promise<void> {
    const known = this.#counts.get(tenant)
    const count = known ?? { at: Number.NEGATIVE_INFINITY, queued: 0, counting: undefined }
    if (known === undefined) this.#counts.set(tenant, count)
    if (count.counting === undefined && performance.now() - count.at > countForMs) {
      count.counting = jobs
        .count({ open: true, state: 'queued' })
        .then((queued) => Object.assign(count, { queued, at: performance.now() }))
        .finally(() => {
          count.counting = undefined
        })
      // Who does not wait for it has the last one.
      count.counting.catch(() => undefined)
    }
    if (count.at === Number.NEGATIVE_INFINITY) await count.counting
    if (count.queued >= this.#maxQueued) {
      throw new HoldfastError(
        'RESOURCE_EXHAUSTED',
        `${this.#maxQueued} jobs of this tenant wait already: try again later`,
        { reason: 'QUEUE_FULL', retryAfterMs: 1_000 },
      )
    }
    count.queued += 1
  }
}

interface QueueCount {
  at: number
  queued: number
  counting: Promise<unknown> | undefined
}
