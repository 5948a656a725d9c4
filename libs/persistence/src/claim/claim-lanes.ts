import { HoldfastError, asHoldfastError } from '@holdfast/errors'
import type { LeasedDocument, ReplaceRow, SettledLease, SettleRow, StoredDocument, Written } from '../backend.js'
import { Coalescer } from '../coalescer.js'
import type { ClaimOperations } from './claim-operations.js'
import { isTransient } from '../transient.js'
import type { ClaimRequest } from './claim-request.js'

export interface ClaimCall extends ClaimRequest {
  readonly tenant: string
  readonly operations: ClaimOperations
  /** The text after the claim's update; absent: the claim changes no data. */
  readonly change: ((current: StoredDocument) => string) | undefined
}

export interface SettleCall extends SettleRow {
  readonly operations: ClaimOperations
}

type Claimed = LeasedDocument | HoldfastError | undefined

/** Claims of one collection by this process: those that wait while a round trip is under way and want the same are answered by one
 *  statement, each with another document. */
export class ClaimLanes {
  readonly #collection: string
  readonly #claims: Coalescer<ClaimCall, LeasedDocument | undefined>
  readonly #settlements: Coalescer<SettleCall, SettledLease | undefined>

  constructor(collection: string) {
    this.#collection = collection
    this.#claims = new Coalescer<ClaimCall, LeasedDocument | undefined>({
      run: (calls) =>
        inGroups(
          calls,
          ({ tenant, shape }) => `${tenant}\0${shape}`,
          (group) => this.#claimAll(group),
        ),
    })
    this.#settlements = new Coalescer<SettleCall, SettledLease | undefined>({
      run: (calls) =>
        inGroups(
          calls,
          () => '',
          (group) => first(group).operations.settle(this.#collection, group),
        ),
      gatekeeper: oncePerDocument,
    })
  }

  claim(call: ClaimCall): Promise<LeasedDocument | undefined> {
    return this.#claims.submit(call)
  }

  settle(call: SettleCall): Promise<SettledLease | undefined> {
    return this.#settlements.submit(call)
  }

  async drain(): Promise<void> {
    await Promise.all([this.#claims.drain(), this.#settlements.drain()])
  }

  /** Calls of one shape. */
  async #claimAll(calls: readonly ClaimCall[]): Promise<readonly Claimed[]> {
    const { operations, tenant, where, sort, leaseMs, change } = first(calls)
    const bump = change === undefined ? 1 : 0
    const query = { tenant, where, sort, leaseMs, bump }
    const claimed: Claimed[] = []
    for (let round = 0; round < maxRounds && claimed.length < calls.length; round += 1) {
      const limit = calls.length - claimed.length
      const taken = await operations.claim(this.#collection, { ...query, limit })
      const answers = change === undefined ? taken : await this.#changeAll(operations, tenant, taken, change)
      claimed.push(...answers.filter((answer) => answer !== undefined))
      // Less than asked for was there; what changed under a claim may be there again, or not.
      if (taken.length < limit && answers.every((answer) => answer !== undefined)) break
    }
    return calls.map((_, index) => claimed[index])
  }

  /** Writes what the claim sets, if nobody wrote the document since the lease was taken. `undefined`: somebody did, and the lease
   *  has been given back, because the document may not match any more. */
  async #changeAll(
    operations: ClaimOperations,
    tenant: string,
    taken: readonly LeasedDocument[],
    change: (current: StoredDocument) => string,
  ): Promise<readonly Claimed[]> {
    const { accept } = operations
    const answers = await Promise.all(
      taken.map(async (document): Promise<LeasedDocument | HoldfastError> => {
        try {
          const json = change(document)
          return { ...document, json: accept === undefined ? json : await accept(json) }
        } catch (error) {
          return asHoldfastError(error, `Claiming document ${document.id}`)
        }
      }),
    )
    const replaced = answers.flatMap((answer): ReplaceRow[] => {
      if (answer instanceof HoldfastError) return []
      const { id, json, version } = answer
      return [{ tenant, id, json, ifVersion: version, bump: 1 }]
    })
    const written = await this.#replaceEach(operations, replaced)
    const writtenById = new Map(replaced.map(({ id }, index) => [id, written[index]]))
    const finished = answers.map((answer): Claimed => {
      if (answer instanceof HoldfastError) return answer
      const now = writtenById.get(answer.id)
      return now === undefined || now instanceof HoldfastError ? now : { ...answer, ...now }
    })
    const givenBack = taken.filter((_, index) => {
      const answer = finished[index]
      return answer === undefined || answer instanceof HoldfastError
    })
    if (givenBack.length > 0) {
      const rows = givenBack.map(({ id, token }) => ({ tenant, id, token, leaseMs: 0 }))
      // What cannot be given back runs out.
      await operations.settle(this.#collection, rows).catch(() => undefined)
    }
    return finished
  }

  /** As one statement; when that is refused, one by one, so that a document which its schema or an index does not accept fails alone. */
  async #replaceEach(
    operations: ClaimOperations,
    rows: readonly ReplaceRow[],
  ): Promise<(Written | HoldfastError | undefined)[]> {
    if (rows.length === 0) return []
    try {
      return await operations.replace(this.#collection, rows)
    } catch (error) {
      const failure = asHoldfastError(error, 'A claim')
      if (rows.length === 1 || isTransient(failure)) return rows.map(() => failure)
      const each: (Written | HoldfastError | undefined)[] = []
      for (const row of rows) each.push(...(await this.#replaceEach(operations, [row])))
      return each
    }
  }
}

const maxRounds = 5

/** Runs the calls that belong together as one, and all such groups at once. A group that fails fails alone, because others may have
 *  taken effect. */
async function inGroups<Call extends { readonly operations: ClaimOperations }, Result>(
  calls: readonly Call[],
  keyOf: (call: Call) => string,
  run: (group: readonly Call[]) => Promise<readonly (Result | HoldfastError)[]>,
): Promise<(Result | HoldfastError)[]> {
  const groups = new Map<ClaimOperations, Map<string, number[]>>()
  for (const [index, call] of calls.entries()) {
    const ofOperations = groups.get(call.operations) ?? new Map<string, number[]>()
    groups.set(call.operations, ofOperations)
    const key = keyOf(call)
    const group = ofOperations.get(key)
    if (group === undefined) ofOperations.set(key, [index])
    else group.push(index)
  }
  const results = Array.from<Result | HoldfastError>({ length: calls.length })
  const all = [...groups.values()].flatMap((ofOperations) => [...ofOperations.values()])
  if (all.length === 1) return [...(await run(calls))]
  await Promise.all(
    all.map(async (indexes) => {
      const group = indexes.flatMap((index) => calls[index] ?? [])
      const answers = await run(group).catch((error: unknown) => {
        const failure = asHoldfastError(error, 'A batch of claims')
        return group.map(() => failure)
      })
      for (const [place, index] of indexes.entries()) results[index] = answers[place] as Result | HoldfastError
    }),
  )
  return results
}

/** Two settlements of the same lease take effect one after the other. */
function oncePerDocument(): (call: SettleCall) => boolean {
  const seen = new Set<string>()
  return ({ tenant, id }) => {
    const name = `${tenant}\0${id}`
    if (seen.has(name)) return false
    seen.add(name)
    return true
  }
}

function first<Call>(calls: readonly Call[]): Call {
  const [call] = calls
  if (call === undefined) throw new HoldfastError('INTERNAL', 'A batch of claims was empty')
  return call
}
