import { asHoldfastError, HoldfastError } from '@holdfast/errors'
import type { ClaimedDocument } from '@holdfast/persistence'
import { type AttemptState, endingOf } from './attempt-ending.js'
import { AttemptEvents } from './attempt-events.js'
import type { AttemptBeginning, AttemptEnd, AttemptHome, Outcome } from './attempt-home.js'
import { asSpan } from './attempt-span.js'
import { AttemptWork } from './attempt-work.js'
import { isAborted, isOutage, jobCancelled, leaseLost } from './failures.js'
import type { JobKind } from './job-kind.js'
import { isEnded, type JobDocument, type JobRecord } from './record.js'
import { findResult } from './results.js'
import { asStored, loadJson, storeJson } from './stored-json.js'
import type { TenantTables } from './tables.js'

const outagePauseMs = 200

/** One attempt at a job, by the process that holds it. All that it writes is fenced: by the version of the job's document, which grows when
 *  another process claims it, and within that by the holder and the attempt that stand in it. */
export class Attempt {
  readonly tables: TenantTables
  readonly id: string
  ended: Promise<unknown> = Promise.resolve()
  readonly #home: AttemptHome
  readonly #kind: JobKind
  readonly #events: AttemptEvents
  readonly #work: AttemptWork
  #record: JobRecord
  #version: number
  readonly #stored: Promise<unknown>
  #isStored: boolean
  #lease: ClaimedDocument<JobRecord>['lease'] | undefined
  #lost = false

  /** @param stored where the work begins while its job is being stored: if that fails, there is no job, and the work is aborted */
  constructor(
    home: AttemptHome,
    kind: JobKind,
    tables: TenantTables,
    document: JobDocument,
    { lease, stored }: AttemptBeginning = {},
  ) {
    this.tables = tables
    this.id = document.id
    this.#home = home
    this.#kind = kind
    this.#record = document.data
    this.#version = document.version
    this.#lease = lease
    this.#isStored = stored === undefined
    this.#stored = this.#whenStored(stored)
    // The end asks for it.
    this.#stored.catch(() => undefined)
    this.#events = new AttemptEvents(tables, document.id, document.data, () => this.check(), { stored: this.#stored })
    this.#work = new AttemptWork(kind, tables, document, this.#events, home.stopMs)
  }

  /** Whether the store has the job, so that not finding it there means something. */
  get isStored(): boolean {
    return this.#isStored
  }

  get record(): JobRecord {
    return this.#record
  }

  /** Never throws: what fails is the job. */
  run(): Promise<AttemptEnd> {
    const end = asSpan(this.id, this.#record, () => this.#run())
    this.ended = end
    return end
  }

  async #run(): Promise<AttemptEnd> {
    try {
      await this.#events.start()
      return await this.#end(await this.#outcome())
    } catch {
      // It is another's, or the store did not answer for as long as the lease: then another process gets it.
      this.#work.abort(leaseLost(this.id))
      return { job: undefined }
    } finally {
      this.#work.end()
    }
  }

  /** Resolves when the work itself has come to its end, which may be after that of the attempt. */
  settled(): Promise<unknown> {
    return this.#work.settled
  }

  get isSettled(): boolean {
    return this.#work.isSettled
  }

  cancel(): void {
    this.#record = { ...this.#record, cancelRequested: true }
    this.#work.abort(jobCancelled(this.id))
  }

  /** It is recorded that this attempt is to end. */
  cancelled(attempt: number): void {
    if (attempt === this.#record.attempt) this.cancel()
  }

  /** Gives the job back for others. */
  stop(reason: HoldfastError): void {
    this.#work.abort(reason)
  }

  /** Prolongs the lease; a job that began without one gets it now. Notices on the way that the job was cancelled, or is another's. */
  async renew(): Promise<void> {
    if (!this.#isStored) return
    try {
      if (this.#lease === undefined) await this.#adopt()
      else await this.#lease.renew()
    } catch (error) {
      if (isAborted(error) && !(await this.check().catch(() => true))) this.#work.abort(leaseLost(this.id))
    }
  }

  /** Takes the lease that this process got on its own job, which it had not renewed in time. @returns whether the job is this attempt's */
  take(claim: ClaimedDocument<JobRecord>): boolean {
    if (this.#lost || !this.see(claim)) return false
    this.#lease = claim.lease
    return true
  }

  /** Looks at the stored job. @returns whether it is this attempt's still */
  async check(): Promise<boolean> {
    if (this.#lost) return false
    if (!this.#isStored) return true
    return this.see(await this.tables.jobs.get(this.id))
  }

  /** Takes notice of the job as it is stored. */
  see(document: JobDocument | undefined): boolean {
    const { holder, attempt } = this.#record
    const data = document?.data
    const isMine = data !== undefined && data.holder === holder && data.attempt === attempt && data.state === 'running'
    if (!isMine || document === undefined) {
      this.#lost = true
      this.#work.abort(leaseLost(this.id))
      return false
    }
    if (document.version < this.#version) return true
    this.#version = document.version
    if (data.cancelRequested === true) this.cancel()
    return true
  }

  async #adopt(): Promise<void> {
    const { holder, attempt } = this.#record
    const mine = { _id: this.id, holder, attempt, state: 'running' }
    const claimed = await this.tables.jobs.claim(mine, { leaseMs: this.#home.leaseMs })
    if (claimed === undefined) throw leaseLost(this.id)
    this.#lease = claimed.lease
    this.see(claimed)
  }

  async #outcome(): Promise<Outcome> {
    const record = this.#record
    try {
      const { cacheKey } = record
      if (cacheKey === undefined || record.refresh === true) return await this.#runWork()
      return await this.#runOnce(cacheKey)
    } catch (error) {
      return this.#failure(asHoldfastError(error, `Job ${this.id}`))
    }
  }

  /** Attempts of this process that would have the same result wait for the first of them. */
  async #runOnce(cacheKey: string): Promise<Outcome> {
    const { inFlight } = this.#home
    const name = `${this.tables.tenant}\0${cacheKey}`
    let waited = this.#record.attempt > 1 || this.#lease !== undefined
    for (let other = inFlight.get(name); other !== undefined; other = inFlight.get(name)) {
      await Promise.race([other, this.#work.aborted])
      waited = true
      if (this.#work.reason !== undefined) return this.#failure(this.#work.reason)
    }
    const found = waited ? await findResult(this.tables, cacheKey) : undefined
    if (found !== undefined) return { kind: 'cached', from: found }
    let release = (): void => undefined
    inFlight.set(name, new Promise<void>((resolve) => (release = resolve)))
    this.#onEnd = () => {
      inFlight.delete(name)
      release()
    }
    return this.#runWork()
  }

  #onEnd: () => void = () => undefined

  async #runWork(): Promise<Outcome> {
    const { deadline, input } = this.#record
    const value = await loadJson(this.tables.scope, input)
    const inMs = deadline === undefined ? undefined : deadline - this.#home.clock.now()
    const output = asStored(await this.#work.run(value, inMs), 'output')
    return { kind: 'succeeded', value: output, output: await storeJson(this.tables.scope, output, 'output') }
  }

  /** Why the work was aborted decides, not what it made of that. */
  #failure(error: HoldfastError): Outcome {
    const reason = this.#work.reason ?? error
    switch (reason.reason) {
      case 'JOB_CANCELLED': {
        const { stopped } = this.#work
        return stopped === undefined ? { kind: 'cancelled' } : { kind: 'cancelled', stopped }
      }
      case 'WORKER_STOPPING':
        return { kind: 'released' }
      default:
        return { kind: 'failed', error: reason }
    }
  }

  async #whenStored(stored: Promise<unknown> | undefined): Promise<void> {
    try {
      await stored
      this.#isStored = true
    } catch (error) {
      this.#lost = true
      this.#work.abort(asHoldfastError(error, `Storing job ${this.id}`))
      throw error
    }
  }

  async #end(outcome: Outcome): Promise<AttemptEnd> {
    const left = await this.#events.drain()
    const until = performance.now() + 2 * this.#home.leaseMs
    try {
      await this.#stored
      for (;;) {
        if (this.#lost) return { job: undefined }
        try {
          await this.#events.know()
          const ending = endingOf(this.#asItStands(), outcome, left)
          const version = await this.#home.endings.write(ending)
          this.#version = version
          // A lease that is not given back would keep the job from its next attempt.
          const release = this.#lease?.release().catch(() => undefined)
          if (!isEnded(ending.next)) await release
          const job = { ...placeless, id: this.id, version, data: ending.next }
          return outcome.kind === 'succeeded' ? { job, value: outcome.value } : { job }
        } catch (error) {
          if (!isAborted(error) && !isOutage(error)) {
            // It cannot be stored as it is: what fails then is the job.
            if (outcome.kind === 'failed') throw error
            outcome = { kind: 'failed', error: asHoldfastError(error, `Recording the result of job ${this.id}`) }
            continue
          }
          if (performance.now() > until) throw error
          if (isOutage(error)) await new Promise((resolve) => setTimeout(resolve, outagePauseMs))
          const known = await this.#look()
          if (known !== undefined) return { job: known }
        }
      }
    } finally {
      this.#onEnd()
    }
  }

  #asItStands(): AttemptState {
    return {
      home: this.#home,
      kind: this.#kind,
      tables: this.tables,
      id: this.id,
      record: this.#record,
      version: this.#version,
      work: this.#work,
      events: this.#events,
    }
  }

  /** @returns the job if it has ended, by a write of this attempt whose answer was lost or by whoever has it now */
  async #look(): Promise<JobDocument | undefined> {
    try {
      const document = await this.tables.jobs.get(this.id)
      const isMine = document?.data.holder === this.#record.holder && document?.data.attempt === this.#record.attempt
      if (document !== undefined && isMine && isEnded(document.data)) return document
      this.see(document)
    } catch (error) {
      if (!isOutage(error)) throw error
    }
    return undefined
  }
}

/** Times of the document itself, which an attempt does not look at. */
const placeless = { createdAt: new Date(0), updatedAt: new Date(0) }
