import { HoldfastError } from '@holdfast/errors'
import type { Collection, DocumentStore } from '@holdfast/persistence'
import type { SqlDriver } from '@holdfast/persistence/sql'

/** In the order in which a migration goes through them. */
export const phases = ['direct', 'dual-write', 'backfill', 'verify', 'cutover', 'documents'] as const
export type Phase = (typeof phases)[number]

/** Which of the two stores answers, and is written first. */
export function truthOf(phase: Phase): 'legacy' | 'documents' {
  return phase === 'cutover' || phase === 'documents' ? 'documents' : 'legacy'
}

/** Which store gets copies of what is written to the other. */
export function copyOf(phase: Phase): 'legacy' | 'documents' | undefined {
  if (phase === 'direct' || phase === 'documents') return undefined
  return truthOf(phase) === 'legacy' ? 'documents' : 'legacy'
}

export interface PhaseState {
  /** Grows with every change; what was begun under another one is refused by the database. */
  readonly epoch: number
  readonly phase: Phase
  /** Nobody writes until the next epoch: the other store is about to become the truth. */
  readonly hold: Hold | undefined
}

export interface Hold {
  readonly next: Phase
  /** By then it is over, in milliseconds from when this was read; not positive: whoever sees it ends it. */
  readonly leftMs: number
}

interface Fence {
  readonly epoch: number
}

export const fenceId = 'fence'

export function fences(scope: Pick<DocumentStore, 'collection'>, name: string): Collection<Fence> {
  return scope.collection<Fence>(`${name}-migration`)
}

const readPhase = `select epoch, phase, held_for, (extract(epoch from hold_until - now()) * 1000)::float8
  from holdfast_session_phase where id = 1`
const beginPhases = `insert into holdfast_session_phase (id, epoch, phase, changed_at) values (1, 1, 'direct', now())
  on conflict (id) do nothing`
const changePhase = `update holdfast_session_phase set epoch = $2::bigint, phase = $3, held_for = $4,
  hold_until = now() + $5::bigint * interval '1 millisecond', changed_at = now()
  where id = 1 and epoch = $1::bigint returning epoch`

/** The row that says how far the migration is, in the legacy database, and the fence beside the documents. docs/decisions/0022-phases-of-a-migration.md
 *  says why no process writes under a phase that has ended. */
export class PhaseRow {
  readonly #driver: SqlDriver
  readonly #store: DocumentStore
  readonly #name: string

  constructor(driver: SqlDriver, store: DocumentStore, name: string) {
    this.#driver = driver
    this.#store = store
    this.#name = name
  }

  async read(): Promise<PhaseState> {
    for (;;) {
      const [row] = await this.#driver.query({ name: 'migration-phase', text: readPhase, values: [], readOnly: true })
      if (row !== undefined) return stateOf(row)
      await this.#driver.query({ text: beginPhases, values: [] })
    }
  }

  /** The row, or what is known of it while it cannot be read: the documents' fence is raised before they stop being the truth. */
  async readOr(known: PhaseState | undefined): Promise<PhaseState> {
    try {
      return await this.read()
    } catch (error) {
      if (known === undefined || truthOf(known.phase) === 'legacy' || known.hold !== undefined) throw error
      if ((await fences(this.#store, this.#name).get(fenceId))?.data.epoch !== known.epoch) throw error
      return known
    }
  }

  /** Ends the epoch `from`. When this returns, no write under it can be committed any more: in the legacy database because whoever writes holds the row,
   *  among the documents because of the fence, which is raised first.
   *  @param hold nobody writes until the next change
   *  @param isAlone the documents cannot be reached: what somebody still writes there is refused when it is copied to the legacy table, and then written
   *  there as well
   *  @throws ABORTED with reason PHASE_CHANGED if it is over already */
  async change(
    from: PhaseState,
    phase: Phase,
    hold?: { readonly next: Phase; readonly ms: number },
    isAlone = false,
  ): Promise<PhaseState> {
    const touchesDocuments = truthOf(from.phase) === 'documents' || truthOf(phase) === 'documents'
    const raises = touchesDocuments && !isAlone
    const epoch = raises ? await this.#raiseFence(from.epoch) : from.epoch + 1
    const [row] = await this.#driver.query({
      text: changePhase,
      values: [from.epoch, epoch, phase, hold?.next ?? null, hold?.ms ?? null],
    })
    if (row === undefined) {
      throw new HoldfastError('ABORTED', 'Somebody else has changed the phase of the migration: look at its status', {
        reason: 'PHASE_CHANGED',
      })
    }
    return { epoch, phase, hold: hold === undefined ? undefined : { next: hold.next, leftMs: hold.ms } }
  }

  /** A transaction that reads the fence and has not committed by now cannot commit after the next that reads what it writes: see the record. */
  #raiseFence(epoch: number): Promise<number> {
    return this.#store.transaction(async (tx) => {
      const rows = fences(tx, this.#name)
      const next = Math.max((await rows.get(fenceId))?.data.epoch ?? 0, epoch) + 1
      await rows.put(fenceId, { epoch: next })
      return next
    })
  }
}

function stateOf([epoch, phase, next, leftMs]: readonly unknown[]): PhaseState {
  const hold = next === null ? undefined : { next: checked(next), leftMs: Number(leftMs) }
  return { epoch: Number(epoch), phase: checked(phase), hold }
}

function checked(phase: unknown): Phase {
  const known = phases.find((one) => one === phase)
  if (known !== undefined) return known
  throw new HoldfastError(
    'FAILED_PRECONDITION',
    `The migration is in a phase that this version does not know (${String(phase)}): use the newest version everywhere`,
  )
}
