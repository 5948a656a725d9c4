import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { asHoldfastError, HoldfastError } from '@holdfast/errors'
import type { ClaimedDocument, Filter } from '@holdfast/persistence'
import { Attempt } from './attempt.js'
import type { AttemptBeginning, AttemptEnd, AttemptHome } from './attempt-home.js'
import { attemptsExhausted, deadlineExceeded, isAborted, stopping } from './failures.js'
import type { JobKind } from './job-kind.js'
import { type Limit, limitsOf, type Slots } from './limits.js'
import { finalEvent, impliedEvents, isEnded, type JobDocument, type JobRecord, toJobError } from './record.js'
import { defaultTenant, type Tables, type TenantTables } from './tables.js'
import type { Tenants } from './tenants.js'

export interface WorkerOptions {
  /** Attempts at once. */
  readonly workers: number
  /** Between two looks for jobs that nobody told of. */
  readonly pollMs: number
  readonly drainMs: number
}

export interface WorkerHome extends AttemptHome {
  readonly kinds: ReadonlyMap<string, JobKind>
  readonly tables: Tables
  readonly tenants: Tenants
  readonly slots: Slots
  /** Told of each job that changed for good, or that waits again. */
  readonly onEnd: (tables: TenantTables, job: JobDocument, value?: unknown) => void
  /** Told of each job that was answered from what another one made. */
  readonly onCached: (tables: TenantTables, job: JobDocument) => void
}

/** A place in this process for one attempt, with what limits it has passed. */
export interface Reservation {
  readonly slots: Awaited<ReturnType<Slots['acquire']>>
}

/** After a limit kept a job from being taken. */
const limitedPauseMs = 100
/** What was cancelled is noticed so late at most, should the news of it be lost. */
const checkMs = 1_000
const nothing = { found: 0, again: false }
/** Between two looks for jobs whose deadline passed while they waited. */
const overduePauseMs = 250

/** The part that this process takes in the work: it claims jobs while it has places free, renews their leases, and gives back what it does not
 *  get done before it stops. */
export class Worker {
  readonly #home: WorkerHome
  readonly #options: WorkerOptions
  readonly #attempts = new Map<string, Attempt>()
  /** Work that did not heed its signal takes its place until it ends. */
  #taken = 0
  #stopping = false
  #pumping: Promise<void> | undefined
  #again = false
  readonly #timers = new Set<NodeJS.Timeout>()
  #poll: NodeJS.Timeout | undefined
  #renewal: NodeJS.Timeout | undefined
  #check: NodeJS.Timeout | undefined
  /** Jobs wait, as far as is known: what is submitted here stands behind them. */
  #isBehind = false
  #failure: HoldfastError | undefined
  #lookedForOverdue = Number.NEGATIVE_INFINITY
  #idle: (() => void)[] = []

  constructor(home: WorkerHome, options: WorkerOptions) {
    this.#home = home
    this.#options = options
  }

  start(): void {
    if (this.#options.workers === 0) return
    const { leaseMs } = this.#home
    this.#renewal = setInterval(() => void this.#renewAll(), leaseMs / 3).unref()
    this.#check = setInterval(() => void this.#checkAll(), Math.min(checkMs, leaseMs / 3)).unref()
    this.#schedulePoll()
    this.wake()
  }

  get running(): number {
    return this.#taken
  }

  /** What went wrong when it last looked for jobs; `undefined`: nothing. */
  get failure(): HoldfastError | undefined {
    return this.#failure
  }

  attempt(tenant: string, id: string): Attempt | undefined {
    return this.#attempts.get(`${tenant}\0${id}`)
  }

  get #free(): number {
    return this.#stopping ? 0 : this.#options.workers - this.#taken
  }

  /** A place for a job that is submitted here; `undefined`: it has to queue. */
  async reserve(kind: JobKind, limits: readonly Limit[], tables: TenantTables): Promise<Reservation | undefined> {
    if (this.#isBehind || this.#free <= 0 || !this.#home.kinds.has(kind.name)) return undefined
    this.#taken += 1
    if (limits.length === 0) return { slots: [] }
    try {
      const slots = await this.#home.slots.acquire(limits, { all: this.#home.tables.store, tenant: tables.scope })
      if (slots !== undefined) return { slots }
    } catch (error) {
      this.#taken -= 1
      throw error
    }
    this.#taken -= 1
    return undefined
  }

  async cancelReservation({ slots = [] }: Reservation): Promise<void> {
    this.#taken -= 1
    await this.#home.slots.release(slots)
  }

  /** Runs a job that is stored, or is being stored, as running here. */
  begin(
    reservation: Reservation,
    tables: TenantTables,
    document: JobDocument,
    how: AttemptBeginning = {},
  ): Promise<AttemptEnd> {
    const kind = this.#home.kinds.get(document.data.kind)
    if (kind === undefined)
      throw new HoldfastError('INTERNAL', `This process does not know jobs of kind ${document.data.kind}`)
    const attempt = new Attempt(this.#home, kind, tables, document, how)
    const name = `${tables.tenant}\0${document.id}`
    this.#attempts.set(name, attempt)
    return this.#run(attempt, name, reservation)
  }

  /** A job waits that was submitted here. */
  queued(tenant: string): void {
    this.#isBehind = true
    this.wake(tenant)
  }

  /** Looks for jobs now. */
  wake(tenant?: string): void {
    if (tenant !== undefined) this.#home.tenants.heard(tenant)
    if (this.#stopping || this.#options.workers === 0) return
    this.#again = true
    // What it does then is nobody's call, though one woke it.
    this.#pumping ??= context
      .with(ROOT_CONTEXT, () => this.#pump())
      .finally(() => {
        this.#pumping = undefined
      })
  }

  /** For a job that becomes ready then. */
  wakeIn(ms: number): void {
    if (this.#stopping) return
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        this.wake()
      },
      Math.min(ms, 2 ** 31 - 1),
    ).unref()
    this.#timers.add(timer)
  }

  /** Takes no more jobs; what runs has `drainMs`, then it is told to end and is given back. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const timer of this.#timers) clearTimeout(timer)
    clearTimeout(this.#poll)
    await this.#pumping
    if (this.#attempts.size > 0) await this.#within(this.#options.drainMs)
    for (const attempt of this.#attempts.values()) attempt.stop(stopping(attempt.id))
    if (this.#attempts.size > 0) await this.#within(this.#home.leaseMs)
    clearInterval(this.#renewal)
    clearInterval(this.#check)
    await this.#home.slots.close()
  }

  /** Ends what runs here of a tenant, whatever becomes of it. */
  async abandon(tenant: string): Promise<void> {
    const prefix = `${tenant}\0`
    const attempts = [...this.#attempts].flatMap(([name, attempt]) => (name.startsWith(prefix) ? [attempt] : []))
    for (const attempt of attempts) attempt.cancel()
    await Promise.all(attempts.map((attempt) => attempt.ended))
  }

  /** Waits until no attempt runs, or for so long. */
  #within(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#idle.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  async #run(attempt: Attempt, name: string, { slots = [] }: Reservation): Promise<AttemptEnd> {
    const end = await attempt.run()
    // After a long pause this process may have claimed its own job anew.
    if (this.#attempts.get(name) === attempt) this.#attempts.delete(name)
    if (this.#attempts.size === 0) for (const wake of this.#idle.splice(0)) wake()
    if (end.job !== undefined) {
      this.#home.onEnd(attempt.tables, end.job, end.value)
      const { readyAt } = end.job.data
      if (readyAt !== undefined && !isEnded(end.job.data)) this.wakeIn(Math.max(0, readyAt - this.#home.clock.now()))
    }
    // Before the caller hears of it, who may have the next one at hand.
    if (attempt.isSettled) this.#leave(slots)
    else void attempt.settled().then(() => this.#leave(slots))
    return end
  }

  #leave(slots: NonNullable<Reservation['slots']>): void {
    this.#taken -= 1
    if (slots.length > 0) void this.#home.slots.release(slots)
    if (this.#isBehind) this.wake()
  }

  #schedulePoll(): void {
    // Processes that were started together do not look together.
    const inMs = this.#options.pollMs * (0.75 + Math.random() / 2)
    this.#poll = setTimeout(() => {
      this.wake()
      if (!this.#stopping) this.#schedulePoll()
    }, inMs).unref()
  }

  async #pump(): Promise<void> {
    while (this.#again && !this.#stopping) {
      this.#again = false
      try {
        if (await this.#claimAll()) this.#again = true
        this.#failure = undefined
      } catch (error) {
        this.#failure = asHoldfastError(error, 'Looking for jobs')
      }
    }
  }

  /** @returns whether there may be more at once */
  async #claimAll(): Promise<boolean> {
    const tenants = await this.#home.tenants.known()
    const looksForOverdue = performance.now() - this.#lookedForOverdue > overduePauseMs
    if (looksForOverdue) this.#lookedForOverdue = performance.now()
    // Each time another one is first.
    const start = Math.floor(Math.random() * tenants.length)
    let more = false
    let isBehind = false
    for (let n = 0; n < tenants.length && !this.#stopping; n += 1) {
      const tables = this.#home.tables.of(tenants[(start + n) % tenants.length] ?? defaultTenant)
      if (looksForOverdue) await this.#claimOverdue(tables)
      const free = this.#free
      const { found, again } = free > 0 ? await this.#claimSome(tables, free) : nothing
      if (again) more = true
      // Exactly: who submits here stands behind those that wait, and must not when there are none.
      if (found >= free) isBehind = (await tables.jobs.findOne(this.#ready(tables, 'queued'))) !== undefined || isBehind
    }
    this.#isBehind = isBehind
    return more
  }

  /** Jobs that may be taken, unless a lease stands on them. */
  #ready({ tenant }: TenantTables, state?: 'queued'): Filter & { readonly limits?: unknown } {
    const { clock, kinds, slots } = this.#home
    const full = slots.full(tenant)
    return {
      open: true,
      readyAt: { $lte: clock.now() },
      kind: { $in: [...kinds.keys()] },
      ...(state === undefined ? {} : { state }),
      ...(full.length === 0 ? {} : { limits: { $nin: full } }),
    }
  }

  async #claimSome(tables: TenantTables, most: number): Promise<{ readonly found: number; readonly again: boolean }> {
    const { leaseMs } = this.#home
    const filter = this.#ready(tables)
    if (filter.limits !== undefined) this.wakeIn(limitedPauseMs)
    // Of one shape, so that one statement takes them all.
    const claims = await Promise.allSettled(
      Array.from({ length: most }, () => tables.jobs.claim(filter, { sort: { readyAt: 1 }, leaseMs })),
    )
    const claimed = claims.flatMap((claim) => (claim.status === 'fulfilled' ? (claim.value ?? []) : []))
    const taken = await Promise.all(claimed.map((claim) => this.#take(tables, claim)))
    const failure = claims.find(({ status }) => status === 'rejected')
    if (failure?.status === 'rejected' && claimed.length === 0) throw failure.reason
    const again = taken.includes('limited') || (taken.includes('begun') && claimed.length === most)
    return { found: claimed.length, again }
  }

  async #take(tables: TenantTables, claim: ClaimedDocument<JobRecord>): Promise<'begun' | 'limited' | 'left'> {
    const { clock, holder, kinds, slots } = this.#home
    const { id, version, data, lease } = claim
    let held: Reservation['slots']
    let hasPlace = false
    try {
      if (this.attempt(tables.tenant, id)?.take(claim) === true) return 'left'
      if (await this.#endOverdue(tables, claim)) return 'begun'
      // A job that was submitted here may have been faster.
      if (this.#free <= 0) {
        this.#isBehind = true
        await lease.release()
        return 'left'
      }
      this.#taken += 1
      hasPlace = true
      const kind = kinds.get(data.kind)
      const limits = kind === undefined ? [] : limitsOf(kind, data.model)
      held =
        limits.length === 0 ? [] : await slots.acquire(limits, { all: this.#home.tables.store, tenant: tables.scope })
      if (held === undefined) {
        this.#taken -= 1
        hasPlace = false
        await lease.release()
        return 'limited'
      }
      const now = clock.now()
      const next: JobRecord = {
        ...data,
        state: 'running',
        holder,
        attempt: data.attempt + 1,
        tries: data.tries + 1,
        startedAt: now,
        firstStartedAt: data.firstStartedAt ?? now,
      }
      const { version: begun } = await tables.jobs.put(id, next, { ifVersion: version, ttlMs: null })
      void this.begin({ slots: held }, tables, { ...claim, version: begun, data: next }, { lease })
      return 'begun'
    } catch (error) {
      if (hasPlace) this.#taken -= 1
      if (held !== undefined) await slots.release(held)
      // Somebody cancelled it just now, or the store is away: it can be claimed again.
      await lease.release().catch(() => undefined)
      if (!isAborted(error)) this.#failure = asHoldfastError(error, `Taking job ${id}`)
      return 'left'
    }
  }

  /** Ends jobs whose deadline has passed, though all places or limits are taken. */
  async #claimOverdue(tables: TenantTables): Promise<void> {
    const { clock, leaseMs, kinds } = this.#home
    const filter = { timed: true, deadline: { $lte: clock.now() }, kind: { $in: [...kinds.keys()] } }
    for (let claim = await tables.jobs.claim(filter, { sort: { deadline: 1 }, leaseMs }); claim !== undefined;) {
      await this.#endOverdue(tables, claim)
      claim = await tables.jobs.claim(filter, { sort: { deadline: 1 }, leaseMs })
    }
  }

  /** Ends a job that is not worth an attempt: cancelled, late, or one that ended each process which tried. */
  async #endOverdue(
    tables: TenantTables,
    { id, version, data, ...rest }: ClaimedDocument<JobRecord>,
  ): Promise<boolean> {
    const { clock, endings, retainMs } = this.#home
    const now = clock.now()
    const { open: _, readyAt: __, timed: ___, cancelRequested, error: ____, ...record } = data
    let next: JobRecord
    if (cancelRequested === true) next = { ...record, state: 'cancelled', endedAt: now }
    else if (data.deadline !== undefined && data.deadline <= now) {
      next = { ...record, state: 'failed', error: toJobError(deadlineExceeded(id)), endedAt: now }
    } else if (data.tries >= data.maxAttempts) {
      next = { ...record, state: 'failed', error: toJobError(attemptsExhausted(id, data.tries)), endedAt: now }
    } else return false
    const isSilent = data.attempt === 0 && data.hasLog !== true
    if (isSilent) next = { ...next, silent: true }
    const eventsNext = isSilent ? 1 : (await tables.events.head(id)).next
    const events = isSilent ? [] : eventsNext === 1 ? impliedEvents(next) : [finalEvent(next)]
    const ended = await endings.write({ tables, id, version, next, ttlMs: retainMs, events, eventsNext })
    await rest.lease.release().catch(() => undefined)
    this.#home.onEnd(tables, { ...rest, id, version: ended, data: next })
    return true
  }

  async #renewAll(): Promise<void> {
    await Promise.all([...[...this.#attempts.values()].map((attempt) => attempt.renew()), this.#home.slots.renew()])
  }

  /** Whether jobs were cancelled or taken over, in one read for each tenant. */
  async #checkAll(): Promise<void> {
    const byTenant = new Map<TenantTables, Attempt[]>()
    for (const attempt of this.#attempts.values()) {
      if (!attempt.isStored) continue
      const others = byTenant.get(attempt.tables)
      if (others === undefined) byTenant.set(attempt.tables, [attempt])
      else others.push(attempt)
    }
    for (const [tables, attempts] of byTenant) {
      const documents = await tables.jobs.getMany(attempts.map(({ id }) => id)).catch(() => undefined)
      if (documents === undefined) continue
      for (const [index, attempt] of attempts.entries()) attempt.see(documents[index])
    }
  }
}
