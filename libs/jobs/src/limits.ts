import type { ClaimedDocument, Collection, Scope } from '@holdfast/persistence'
import type { JobModel } from './job-model.js'
import type { JobKind } from './job-kind.js'

/** What a limited attempt holds while it runs: one of as many documents as there may be attempts, claimed. That of a process that died
 *  comes back when its lease has run out. */
interface SlotRecord {
  readonly limit: string
  readonly n: number
}

interface HeldSlot {
  readonly limit: string
  readonly lease: ClaimedDocument<SlotRecord>['lease']
}

/** After a limit was found reached, until it is asked for again. */
const fullForMs = 100
/** A slot stays with the process for so long after an attempt, for the next one. */
const keepMs = 30

export interface Limit {
  readonly name: string
  readonly most: number
  /** Whose documents its slots are. */
  readonly of: 'all' | 'tenant'
}

export function limitsOf({ name, concurrency = {} }: JobKind, model: JobModel | undefined): Limit[] {
  const { perModel, perTenant } = concurrency
  const limits: Limit[] = []
  if (perModel !== undefined && model !== undefined) {
    limits.push({ name: `model:${name}:${model.name}`, most: perModel, of: 'all' })
  }
  if (perTenant !== undefined) limits.push({ name: `tenant:${name}`, most: perTenant, of: 'tenant' })
  return limits
}

/** Attempts at once over all processes. */
export class Slots {
  readonly #leaseMs: number
  readonly #made = new Map<string, Promise<void>>()
  readonly #fullUntil = new Map<string, number>()
  readonly #held = new Set<HeldSlot>()
  readonly #kept = new Map<string, { readonly slot: HeldSlot; readonly timer: NodeJS.Timeout }[]>()

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** Names of limits of which it was seen lately that they are reached. */
  full(tenant: string): string[] {
    const now = performance.now()
    const full: string[] = []
    for (const [key, until] of this.#fullUntil) {
      if (until <= now) this.#fullUntil.delete(key)
      else {
        const [of = '', name = ''] = key.split('\0')
        if (of === '' || of === tenant) full.push(name)
      }
    }
    return full
  }

  /** @returns `undefined` if one of them is reached; then nothing is held */
  async acquire(
    limits: readonly Limit[],
    scopes: { readonly all: Scope; readonly tenant: Scope },
  ): Promise<readonly HeldSlot[] | undefined> {
    const slots: HeldSlot[] = []
    try {
      // In one order, so that two attempts do not each hold what the other waits for.
      for (const limit of limits.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
        const slot = await this.#acquire(limit, scopes[limit.of])
        if (slot === undefined) {
          await this.release(slots)
          return undefined
        }
        slots.push(slot)
      }
      return slots
    } catch (error) {
      await this.release(slots)
      throw error
    }
  }

  async release(slots: readonly HeldSlot[]): Promise<void> {
    for (const slot of slots) {
      const timer = setTimeout(() => void this.#giveBack(slot), keepMs)
      this.#kept.set(slot.limit, [...(this.#kept.get(slot.limit) ?? []), { slot, timer }])
      this.#fullUntil.delete(slot.limit)
    }
  }

  /** Together with the leases of attempts. A slot that is lost is one of a process that was away: its attempts are lost too. */
  async renew(): Promise<void> {
    await Promise.all([...this.#held].map(({ lease }) => lease.renew().catch(() => undefined)))
  }

  /** Gives back what is kept for the next attempt. */
  async close(): Promise<void> {
    await Promise.all([...this.#kept.values()].flat().map(({ slot }) => this.#giveBack(slot)))
  }

  async #acquire({ name, most, of }: Limit, scope: Scope): Promise<HeldSlot | undefined> {
    const key = `${of === 'all' ? '' : scope.tenantId}\0${name}`
    const kept = this.#kept.get(key)?.shift()
    if (kept !== undefined) {
      clearTimeout(kept.timer)
      return kept.slot
    }
    if ((this.#fullUntil.get(key) ?? 0) > performance.now()) return undefined
    const slots = slotsIn(scope)
    await this.#make(key, slots, name, most)
    const claimed = await slots.claim({ limit: name, n: { $lt: most } }, { leaseMs: this.#leaseMs })
    if (claimed === undefined) {
      this.#fullUntil.set(key, performance.now() + fullForMs)
      return undefined
    }
    const slot = { limit: key, lease: claimed.lease }
    this.#held.add(slot)
    return slot
  }

  #make(key: string, slots: Collection<SlotRecord>, limit: string, most: number): Promise<void> {
    const made = this.#made.get(`${key}\0${most}`)
    if (made !== undefined) return made
    const making = makeSlots(slots, limit, most)
    this.#made.set(`${key}\0${most}`, making)
    making.catch(() => this.#made.delete(`${key}\0${most}`))
    return making
  }

  async #giveBack(slot: HeldSlot): Promise<void> {
    const left = (this.#kept.get(slot.limit) ?? []).filter((kept) => {
      if (kept.slot === slot) clearTimeout(kept.timer)
      return kept.slot !== slot
    })
    if (left.length === 0) this.#kept.delete(slot.limit)
    else this.#kept.set(slot.limit, left)
    this.#held.delete(slot)
    // What cannot be given back runs out.
    await slot.lease.release().catch(() => undefined)
  }
}

function slotsIn(scope: Scope): Collection<SlotRecord> {
  return scope.collection<SlotRecord>('job-slots', { indexes: [{ on: ['limit', 'n'] }] })
}

async function makeSlots(slots: Collection<SlotRecord>, limit: string, most: number): Promise<void> {
  const ids = Array.from({ length: most }, (_, n) => `${limit}#${n}`)
  const known = await slots.getMany(ids)
  const missing = ids.flatMap((id, n) => (known[n] === undefined ? [{ insert: { id, data: { limit, n } } }] : []))
  if (missing.length === 0) return
  const { results } = await slots.bulk(missing, { ordered: false })
  // Another process may have made them meanwhile.
  for (const result of results) {
    if (result.status === 'failed' && result.error.code !== 'ALREADY_EXISTS') throw result.error
  }
}
