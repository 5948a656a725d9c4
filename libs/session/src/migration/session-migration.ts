import { HoldfastError, invalidField } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { type DirectBackend, openDirectBackend } from '../session-store/direct-backend.js'
import { tombstoneMs } from '../session-store/documents-backend.js'
import type {
  BackfillReport,
  CutoverReport,
  MigrationProgress,
  PhaseReport,
  PlanReport,
  RollbackReport,
  StatusReport,
  StepOptions,
  VerifyReport,
} from './migration-report.js'
import { type Phase, PhaseRow, type PhaseState, phases, truthOf } from './phase.js'
import { planSessions } from './plan.js'
import { Rate } from './rate.js'
import { SessionComparison, type Truth } from './session-comparison.js'
import { SessionCopies } from './session-copies.js'
import { outdatedAt, type PassRecord, StepTable } from './step-records.js'

export interface SessionMigrationOptions {
  /** Of the legacy database: `postgres://…`. */
  readonly from: string
  /** Of the Redis in front of it: `redis://…`. */
  readonly fromRedis?: string
  /** Where the sessions become documents; it is not closed with the migration. */
  readonly store: DocumentStore
  /** As of the session store; default `sessions`. */
  readonly name?: string
  /** As of the processes that use the sessions, in milliseconds; default 500. */
  readonly trustMs?: number
  /** How long writers may be held when the other store becomes the truth, in milliseconds; default 10,000. If it does not suffice, nothing has
   *  changed. */
  readonly maxHoldMs?: number
}

const pageSize = 200
/** A catch-up that finds so few is followed by the hold. */
const fewCopies = 200
const maxCatchUps = 10
/** Clocks of processes run alike within this. */
const slack = 1.2

export async function openSessionMigration(options: SessionMigrationOptions): Promise<SessionMigration> {
  const { from, store, name = 'sessions', trustMs = 500, maxHoldMs = 10_000 } = options
  if (!Number.isFinite(maxHoldMs) || maxHoldMs < 2 * trustMs) {
    throw invalidField('maxHoldMs', `must be at least twice trustMs, which is ${trustMs}`)
  }
  const redis = options.fromRedis === undefined ? {} : { redis: options.fromRedis }
  const direct = await openDirectBackend(from, { sweepIntervalMs: 0, maxConnections: 4, ...redis })
  return new SessionMigration(direct, store, name, trustMs, maxHoldMs)
}

/** The steps from the legacy table to documents and back. Each can be run again at any time: it goes on where it was, or says that it is done. Sessions are
 *  read and written meanwhile, by processes with the migrating backend. */
export class SessionMigration implements AsyncDisposable {
  readonly #direct: DirectBackend
  readonly #store: DocumentStore
  readonly #name: string
  readonly #trustMs: number
  readonly #maxHoldMs: number
  readonly #row: PhaseRow
  readonly #steps: StepTable
  readonly #comparison: SessionComparison
  readonly #patient: SessionComparison

  constructor(direct: DirectBackend, store: DocumentStore, name: string, trustMs: number, maxHoldMs: number) {
    this.#direct = direct
    this.#store = store
    this.#name = name
    this.#trustMs = trustMs
    this.#maxHoldMs = maxHoldMs
    this.#row = new PhaseRow(direct.driver, store, name)
    this.#steps = new StepTable(direct.driver)
    const copies = new SessionCopies(direct, store, name)
    this.#comparison = new SessionComparison(direct, store, name, copies, false)
    this.#patient = new SessionComparison(direct, store, name, copies, true)
  }

  /** Looks at what there is to migrate. */
  async plan(options: StepOptions = {}): Promise<PlanReport> {
    const { phase } = await this.#row.read()
    return { phase, ...(await planSessions(this.#direct, this.#store, this.#name, options)) }
  }

  async status(): Promise<StatusReport> {
    const state = await this.#row.read()
    const [backfill, verify, shadow] = await Promise.all([
      this.#steps.get('backfill'),
      this.#steps.get('verify'),
      this.#steps.get('shadow'),
    ])
    return {
      phase: state.phase,
      epoch: state.epoch,
      ...(state.hold === undefined ? {} : { heldFor: state.hold.next }),
      ...(backfill === undefined ? {} : { backfill: countsOf(backfill) }),
      ...(verify === undefined ? {} : { verify: { ...countsOf(verify), different: verify.different } }),
      ...(shadow === undefined ? {} : { shadow }),
    }
  }

  /** From now on documents get copies of what is written to the legacy table. */
  async dualWrite(): Promise<PhaseReport> {
    const state = await this.#unheld()
    if (state.phase !== 'direct') return this.#done(state, 'dual-write')
    return this.#report(await this.#row.change(state, 'dual-write'), true)
  }

  /** Copies what is there already. */
  async backfill(options: StepOptions = {}): Promise<BackfillReport> {
    let state = await this.#unheld()
    this.#refuse(state, 'backfill', ['dual-write', 'backfill', 'verify'])
    const changed = state.phase === 'dual-write'
    if (changed) {
      await this.#steps.forget('backfill')
      state = await this.#row.change(state, 'backfill')
    }
    const known = await this.#steps.get('backfill')
    const { sessions, copied, different } =
      known?.finished === true ? known : await this.#pass('backfill', 'legacy', options)
    return { ...this.#report(state, changed), sessions, copied: copied + different }
  }

  /** Compares the stores, and makes the copies that are missing. A verification that was cut off goes on, one that was finished begins anew. */
  async verify(options: StepOptions = {}): Promise<VerifyReport> {
    let state = await this.#unheld()
    this.#refuse(state, 'verify', ['backfill', 'verify'])
    if ((await this.#steps.get('backfill'))?.finished !== true) {
      throw precondition(
        'BACKFILL_UNFINISHED',
        'The backfill has not come to its end: run it again, it goes on where it was',
      )
    }
    const changed = state.phase === 'backfill'
    if (changed) state = await this.#row.change(state, 'verify')
    if ((await this.#steps.get('verify'))?.finished === true) await this.#steps.forget('verify', 'shadow')
    const pass = await this.#pass('verify', 'legacy', options)
    await this.#steps.put('equal', pass.startedAt)
    const { sessions, ranges, differentRanges, copied, different, digests } = pass
    const shadow = (await this.#steps.get('shadow')) ?? { reads: 0, different: 0 }
    return { ...this.#report(state, changed), sessions, ranges, differentRanges, copied, different, digests, shadow }
  }

  /** Makes the documents the truth; the legacy table gets copies. */
  async cutover(): Promise<CutoverReport> {
    const state = await this.#unheld()
    if (state.phase === 'documents') return { ...this.#report(state, false), copied: 0, heldMs: 0 }
    if (state.phase === 'cutover')
      return { ...this.#report(state, false), copied: await this.#catchUp(state), heldMs: 0 }
    this.#refuse(state, 'cutover', ['verify'])
    const verify = await this.#steps.get('verify')
    if (verify?.finished !== true) {
      throw precondition(
        'VERIFY_UNFINISHED',
        'The verification has not come to its end: run it again, it goes on where it was',
      )
    }
    const shadow = await this.#steps.get('shadow')
    if (verify.different > 0 || verify.differentRanges > 0 || (shadow?.different ?? 0) > 0) {
      throw precondition(
        'STORES_DIFFER',
        'The last verification found differences: run verify again until it finds none',
      )
    }
    return this.#switch(state, 'cutover')
  }

  /** Nothing is copied to the legacy table any more, which stays as it is. */
  async finish(): Promise<PhaseReport> {
    const state = await this.#unheld()
    if (state.phase === 'documents') return this.#report(state, false)
    this.#refuse(state, 'finish', ['cutover'])
    // So that the old table is whole as it is left.
    await this.#catchUp(state)
    return this.#report(await this.#row.change(state, 'documents'), true)
  }

  /** Back to an earlier phase, step by step; whatever was written since is in the legacy table then. Default: all the way. */
  async rollback(options: { readonly to?: Phase } & StepOptions = {}): Promise<RollbackReport> {
    const { to = 'direct' } = options
    if (!phases.includes(to)) throw invalidField('to', `must be one of ${phases.join(', ')}`)
    let state = await this.#unheld()
    const { phase: from, epoch } = state
    let copied = 0
    let heldMs = 0
    const isBehind = (): boolean => phases.indexOf(state.phase) > phases.indexOf(to)
    if (isBehind() && state.phase === 'documents') {
      state = await this.#row.change(state, 'cutover')
    }
    if (isBehind() && state.phase === 'cutover') {
      if (await this.#remembersTooLittle(from)) {
        const pass = await this.#pass('rollback', 'documents', options)
        copied += pass.copied + pass.different
        await this.#steps.put('equal', pass.startedAt)
      }
      await this.#steps.forget('rollback')
      const switched = await this.#switch(state, 'verify')
      copied += switched.copied
      heldMs += switched.heldMs
      state = await this.#row.read()
    }
    // The truth is the same in all phases before; they say only what copies are made, and what is known of them.
    if (isBehind()) {
      state = await this.#row.change(state, to)
      await this.#steps.forget(...outdatedAt(to))
    }
    return { ...this.#report(state, state.epoch !== epoch), from, copied, heldMs }
  }

  /** Back to `direct` while the documents cannot be reached. Only from a phase in which the legacy table has everything; what was acknowledged while the legacy
   *  database itself was away, and not copied since, is not in it. */
  async rollbackWithoutDocuments(): Promise<RollbackReport> {
    const state = await this.#unheld()
    if (state.phase === 'documents') {
      throw precondition('WRONG_PHASE', 'After finish only the documents have everything: bring their database back')
    }
    if (state.phase === 'direct') return { ...this.#report(state, false), from: state.phase, copied: 0, heldMs: 0 }
    const heldAt = performance.now()
    const held = await this.#row.change(state, state.phase, { next: 'direct', ms: this.#maxHoldMs }, true)
    await new Promise((resolve) => setTimeout(resolve, this.#trustMs * slack))
    const after = await this.#row.change(held, 'direct', undefined, true)
    await this.#steps.forget(...outdatedAt('direct'))
    const heldMs = Math.round(performance.now() - heldAt)
    return { ...this.#report(after, true), from: state.phase, copied: 0, heldMs }
  }

  async close(): Promise<void> {
    await this.#direct.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Documents that were deleted longer ago are not known any more: then only a look at everything finds what to delete in the legacy table. */
  async #remembersTooLittle(from: Phase): Promise<boolean> {
    if (from === 'documents' || (await this.#steps.get('rollback')) !== undefined) return true
    const [equal, now] = await Promise.all([this.#steps.get('equal'), this.#comparison.times()])
    return equal === undefined || now.documents - equal.documents > tombstoneMs / 2
  }

  /** Makes the copies that processes have left unfinished which were killed since. */
  async #catchUp(state: PhaseState): Promise<number> {
    const [since, times] = await Promise.all([this.#steps.get('equal'), this.#comparison.times()])
    if (since === undefined) return 0
    const copied = await this.#comparison.catchUp(truthOf(state.phase), since, state.epoch)
    await this.#steps.put('equal', times)
    return copied
  }

  /** Makes the other store the truth: what was not copied is copied while all go on, then the rest while nobody writes. */
  async #switch(state: PhaseState, next: Phase): Promise<CutoverReport> {
    const truth = truthOf(state.phase)
    let since = await this.#steps.get('equal')
    if (since === undefined) throw precondition('NEVER_VERIFIED', 'Nobody has compared the stores yet: run verify')
    let copied = 0
    for (let round = 0; round < maxCatchUps; round += 1) {
      const times = await this.#comparison.times()
      const made = await this.#comparison.catchUp(truth, since, state.epoch)
      copied += made
      since = times
      await this.#steps.put('equal', since)
      if (made <= fewCopies) break
    }
    const heldAt = performance.now()
    const held = await this.#row.change(state, state.phase, { next, ms: this.#maxHoldMs })
    try {
      const made = await this.#comparison.catchUp(truth, since)
      // Nobody reads under the phase before the hold any more; within the hold everybody looks at the phase after each read.
      const waitMs = this.#trustMs * slack - (performance.now() - heldAt)
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      const times = await this.#comparison.times()
      // Refused if the hold was longer than it may be: whoever waits for it has ended it then.
      const after = await this.#row.change(held, next)
      await this.#steps.put('equal', times)
      return { ...this.#report(after, true), copied: copied + made, heldMs: Math.round(performance.now() - heldAt) }
    } catch (error) {
      await this.#row.change(held, state.phase).catch(() => undefined)
      throw error
    }
  }

  /** One pass over both stores, from where the last run stopped. */
  async #pass(step: 'backfill' | 'verify' | 'rollback', truth: Truth, options: StepOptions): Promise<PassRecord> {
    let record = (await this.#steps.get(step)) ?? (await this.#begin())
    const rate = new Rate(options.ratePerSecond)
    const { onProgress, signal } = options
    for (;;) {
      onProgress?.({ step, part: record.part, done: record.sessions, total: record.total } satisfies MigrationProgress)
      if (record.finished) return record
      if (signal?.aborted === true) {
        throw new HoldfastError('CANCELLED', `The ${step} was stopped: run it again, it goes on where it was`)
      }
      const comparison = step === 'verify' ? this.#patient : this.#comparison
      const page =
        record.part === 'sessions'
          ? await comparison.legacyPage(record.after, pageSize, truth)
          : await comparison.documentsPage(record.after, pageSize, truth)
      const { copied, mended } = page.settled
      const looked = page.keys.length
      record = {
        ...record,
        part: page.next === undefined ? 'documents' : record.part,
        after: page.next ?? '',
        sessions: record.sessions + (record.part === 'sessions' ? looked : 0),
        copied: record.copied + copied,
        different: record.different + mended,
        ranges: record.ranges + 1,
        differentRanges: record.differentRanges + (page.digests.legacy.equals(page.digests.documents) ? 0 : 1),
        digests: {
          legacy: sum(record.digests.legacy, page.digests.legacy),
          documents: sum(record.digests.documents, page.digests.documents),
        },
        finished: page.next === undefined && record.part === 'documents',
      }
      await this.#steps.put(step, record)
      await rate.pause(looked)
    }
  }

  async #begin(): Promise<PassRecord> {
    const [row] = await this.#direct.driver.query({
      text: 'select count(*) from sessions',
      values: [],
      readOnly: true,
    })
    const none = '0'.repeat(32)
    return {
      startedAt: await this.#comparison.times(),
      part: 'sessions',
      after: '',
      sessions: 0,
      copied: 0,
      different: 0,
      ranges: 0,
      differentRanges: 0,
      digests: { legacy: none, documents: none },
      total: Number(row?.[0]),
      finished: false,
    }
  }

  /** A hold that somebody left behind ends first. @throws ABORTED while another command holds */
  async #unheld(): Promise<PhaseState> {
    for (;;) {
      const state = await this.#row.read()
      if (state.hold === undefined) return state
      if (state.hold.leftMs <= 0) await this.#row.change(state, state.phase).catch(() => undefined)
      else await new Promise((resolve) => setTimeout(resolve, Math.min(200, state.hold?.leftMs ?? 0)))
    }
  }

  #done(state: PhaseState, step: Phase): PhaseReport {
    if (phases.indexOf(state.phase) > phases.indexOf(step) && truthOf(state.phase) === 'documents') {
      throw precondition('WRONG_PHASE', `The migration is at ${state.phase}, behind ${step}: rollback leads back`)
    }
    return this.#report(state, false)
  }

  #refuse({ phase }: PhaseState, step: string, allowed: readonly Phase[]): void {
    if (allowed.includes(phase)) return
    throw precondition(
      'WRONG_PHASE',
      `The migration is at ${phase}, where there is no ${step}: that follows ${allowed.join(' or ')}`,
    )
  }

  #report({ phase, epoch }: PhaseState, changed: boolean): PhaseReport {
    return { phase, epoch, changed }
  }
}

function countsOf({ sessions, copied, finished }: PassRecord): {
  readonly sessions: number
  readonly copied: number
  readonly finished: boolean
} {
  return { sessions, copied, finished }
}

function sum(hex: string, digest: Buffer): string {
  const total = Buffer.from(hex, 'hex')
  for (let at = 0; at < total.length; at += 1) total[at] = (total[at] ?? 0) ^ (digest[at] ?? 0)
  return total.toString('hex')
}

function precondition(reason: string, message: string): HoldfastError {
  return new HoldfastError('FAILED_PRECONDITION', message, { reason })
}
