import type { Phase } from './phase.js'

/** How far a step is; told again and again while it runs. */
export interface MigrationProgress {
  readonly step: 'backfill' | 'verify' | 'rollback'
  readonly part: 'sessions' | 'documents'
  readonly done: number
  /** As far as it is known. */
  readonly total: number
}

export interface StepOptions {
  /** Sessions a second at most; default: as fast as it goes. */
  readonly ratePerSecond?: number
  readonly onProgress?: (progress: MigrationProgress) => void
  /** Stops between two pages, with CANCELLED; the step goes on there when it is run again. */
  readonly signal?: AbortSignal
}

export interface PlanReport {
  readonly phase: Phase
  /** In the legacy table. */
  readonly sessions: number
  readonly contexts: number
  readonly states: number
  readonly metadata: number
  /** Of any other application. */
  readonly others: number
  readonly bytes: number
  /** Of the largest value; one above 16 MiB cannot become a document. */
  readonly largestBytes: number
  /** In the new store already. */
  readonly documents: number
  /** Of the legacy Redis, if one was named: values that are not those of the table, and keys that the table does not have. The table is what counts. */
  readonly redis?: { readonly keys: number; readonly different: number; readonly onlyThere: number }
}

export interface PhaseReport {
  readonly phase: Phase
  readonly epoch: number
  /** Whether this call changed it. */
  readonly changed: boolean
}

export interface BackfillReport extends PhaseReport {
  /** Sessions looked at, over all runs of the step. */
  readonly sessions: number
  /** Copies made, deletions included. */
  readonly copied: number
}

export interface VerifyReport extends PhaseReport {
  readonly sessions: number
  readonly ranges: number
  /** Ranges of keys whose digests are not the same in both stores, in the end. */
  readonly differentRanges: number
  /** Copies that were missing: of writers that were killed before they made them. They are there now. */
  readonly copied: number
  /** Sessions that had another value though their versions were the same. They are mended; it must not happen. */
  readonly different: number
  /** Exclusive or of the digests of all keys with their values, hexadecimal. */
  readonly digests: { readonly legacy: string; readonly documents: string }
  readonly shadow: ShadowCount
}

export interface ShadowCount {
  readonly reads: number
  readonly different: number
}

export interface CutoverReport extends PhaseReport {
  /** Copies made while nobody wrote. */
  readonly copied: number
  /** How long nobody could write, in milliseconds. */
  readonly heldMs: number
}

export interface RollbackReport extends CutoverReport {
  readonly from: Phase
}

export interface StatusReport {
  readonly phase: Phase
  readonly epoch: number
  /** Writes wait, for this phase. */
  readonly heldFor?: Phase
  readonly backfill?: { readonly sessions: number; readonly copied: number; readonly finished: boolean }
  readonly verify?: {
    readonly sessions: number
    readonly copied: number
    readonly different: number
    readonly finished: boolean
  }
  readonly shadow?: ShadowCount
}
