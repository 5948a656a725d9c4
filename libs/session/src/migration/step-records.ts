import type { SqlDriver } from '@holdfast/persistence/sql'
import type { Phase } from './phase.js'
import type { Times } from './session-comparison.js'

/** What each step leaves for the next, and for itself when it is run again. */
export interface StepRecords {
  readonly backfill: PassRecord
  readonly verify: PassRecord
  /** Of all documents against the legacy table, before that becomes the truth again. */
  readonly rollback: PassRecord
  readonly shadow: { readonly reads: number; readonly different: number }
  /** When both stores were the same, but for what was written later. */
  readonly equal: Times
}

export interface PassRecord {
  readonly startedAt: Times
  readonly part: 'sessions' | 'documents'
  /** The last key that was looked at. */
  readonly after: string
  readonly sessions: number
  readonly copied: number
  readonly different: number
  readonly ranges: number
  readonly differentRanges: number
  readonly digests: { readonly legacy: string; readonly documents: string }
  readonly total: number
  readonly finished: boolean
}

const readStep = 'select data::text from holdfast_session_steps where step = $1'
const writeStep = `insert into holdfast_session_steps (step, data, changed_at) values ($1, $2::jsonb, now())
  on conflict (step) do update set data = excluded.data, changed_at = now()`
const removeSteps = 'delete from holdfast_session_steps where step = any($1::text[])'

export class StepTable {
  readonly #driver: SqlDriver

  constructor(driver: SqlDriver) {
    this.#driver = driver
  }

  async get<Step extends keyof StepRecords>(step: Step): Promise<StepRecords[Step] | undefined> {
    const [row] = await this.#driver.query({ text: readStep, values: [step], readOnly: true })
    return row === undefined ? undefined : (JSON.parse(String(row[0])) as StepRecords[Step])
  }

  async put<Step extends keyof StepRecords>(step: Step, record: StepRecords[Step]): Promise<void> {
    await this.#driver.query({ text: writeStep, values: [step, JSON.stringify(record)] })
  }

  async forget(...steps: (keyof StepRecords)[]): Promise<void> {
    await this.#driver.query({ text: removeSteps, values: [{ type: 'text', items: steps }] })
  }
}

/** Which records say nothing any more once the migration stands at this phase. */
export function outdatedAt(phase: Phase): (keyof StepRecords)[] {
  return phase === 'direct' ? ['backfill', 'verify', 'rollback', 'shadow', 'equal'] : ['verify', 'shadow']
}
