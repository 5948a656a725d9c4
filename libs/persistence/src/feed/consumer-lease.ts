import { randomUUID } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import type { TenantStore } from '../document-store.js'
import type { Collection, Scope } from '../contract/scope.js'

/** Where the leases and positions of a tenant's consumers are kept. */
export const consumersCollection = 'holdfast-consumers'

/** What a consumer needs besides the feed. */
export interface ConsumerHome {
  /** Of the same tenant as the feed. */
  readonly scope: TenantStore
  /** The database's clock. */
  readonly now: () => Promise<number>
}

interface Lease {
  readonly holder: string
  readonly leaseMs: number
}

interface Progress {
  /** Who may move it: a new holder writes itself here before it begins, which fences the one before. */
  readonly holder: string
  /** The last event that was handled. */
  readonly position: string
}

type ConsumerState = Lease | Progress

/** Another consumer of the same name has taken over. */
export class LeaseLost extends Error {}

/** The right to be the active consumer of a name: a document that is renewed, by whose last renewal in the database's time others
 *  tell that its holder is gone; and the position, a document that only the last holder can move. */
export class ConsumerLease {
  readonly #documents: Collection<ConsumerState>
  readonly #leaseId: string
  readonly #positionId: string
  readonly #holder: string
  readonly #leaseMs: number
  #leaseVersion: number
  #progress: { readonly version: number; readonly position: string }
  #renewedAt: number

  private constructor(documents: Collection<ConsumerState>, ids: Ids, leaseMs: number, taken: Taken) {
    this.#documents = documents
    this.#leaseId = ids.lease
    this.#positionId = ids.position
    this.#leaseMs = leaseMs
    this.#holder = taken.holder
    this.#leaseVersion = taken.leaseVersion
    this.#progress = taken.progress
    this.#renewedAt = taken.at
  }

  /** `undefined`: another one has it. @param start the position of a consumer that is new */
  static async take(
    { scope, now }: ConsumerHome,
    name: string,
    leaseMs: number,
    start: () => Promise<string>,
  ): Promise<ConsumerLease | undefined> {
    const documents = scope.collection<ConsumerState>(consumersCollection)
    const ids = { lease: `lease/${name}`, position: `position/${name}` }
    const at = performance.now()
    const before = await documents.get(ids.lease)
    if (before !== undefined) {
      const ageMs = (await now()) - before.updatedAt.getTime()
      if ('leaseMs' in before.data && ageMs < before.data.leaseMs) return undefined
    }
    const holder = randomUUID()
    const lease = await unlessStale(() =>
      documents.put(ids.lease, { holder, leaseMs }, { ifVersion: before?.version ?? 0 }),
    )
    if (lease === undefined) return undefined
    for (;;) {
      const known = await documents.get(ids.position)
      const position = known !== undefined && 'position' in known.data ? known.data.position : await start()
      const moved = await unlessStale(() =>
        documents.put(ids.position, { holder, position }, { ifVersion: known?.version ?? 0 }),
      )
      if (moved === undefined) continue
      const progress = { version: moved.version, position }
      return new ConsumerLease(documents, ids, leaseMs, { holder, leaseVersion: lease.version, progress, at })
    }
  }

  get position(): string {
    return this.#progress.position
  }

  /** Whether it must be taken as lost, since it could not be renewed in time. */
  get isOverdue(): boolean {
    return performance.now() - this.#renewedAt > this.#leaseMs
  }

  /** @throws LeaseLost */
  async renew(): Promise<void> {
    const at = performance.now()
    const lease = { holder: this.#holder, leaseMs: this.#leaseMs }
    const renewed = await unlessStale(() =>
      this.#documents.put(this.#leaseId, lease, { ifVersion: this.#leaseVersion }),
    )
    if (renewed === undefined) {
      // A renewal whose answer was lost has moved the version.
      const known = await this.#documents.get(this.#leaseId)
      if (known === undefined || known.data.holder !== this.#holder) throw new LeaseLost()
      this.#leaseVersion = known.version
      return
    }
    this.#leaseVersion = renewed.version
    this.#renewedAt = at
  }

  /** Moves the position, for good. May be repeated. @throws LeaseLost */
  async moveTo(position: string): Promise<void> {
    for (;;) {
      try {
        await this.#move(this.#documents, position, this.#progress.version)
        return
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.reason !== 'STALE_VERSION') throw error
      }
      if (await this.#isAt(this.#documents, position)) return
    }
  }

  /** Runs `work` in the transaction that moves the position, unless an attempt of unknown outcome has done so before.
   *  @throws LeaseLost */
  async moveWith(tx: Scope, position: string, work: () => Promise<void> | void): Promise<() => void> {
    const documents = tx.collection<ConsumerState>(consumersCollection)
    if (await this.#isAt(documents, position)) return () => {}
    const { version } = this.#progress
    await work()
    const moved = await documents.put(this.#positionId, { holder: this.#holder, position }, { ifVersion: version })
    return () => {
      this.#progress = { version: moved.version, position }
    }
  }

  /** Lets another one take it at once. */
  async release(): Promise<void> {
    try {
      // Not deleted, so that its versions never repeat.
      await this.#documents.put(this.#leaseId, { holder: '', leaseMs: 0 }, { ifVersion: this.#leaseVersion })
    } catch (error) {
      // Whoever has it now, or the time, sees to it.
      if (!(error instanceof HoldfastError)) throw error
    }
  }

  async #move(documents: Collection<ConsumerState>, position: string, ifVersion: number): Promise<void> {
    const moved = await documents.put(this.#positionId, { holder: this.#holder, position }, { ifVersion })
    this.#progress = { version: moved.version, position }
  }

  /** Whether the position has been moved there already; learns where it stands. */
  async #isAt(documents: Collection<ConsumerState>, position: string): Promise<boolean> {
    const known = await documents.get(this.#positionId)
    if (known === undefined || known.data.holder !== this.#holder || !('position' in known.data)) throw new LeaseLost()
    this.#progress = { version: known.version, position: known.data.position }
    return known.data.position === position
  }
}

interface Ids {
  readonly lease: string
  readonly position: string
}

interface Taken {
  readonly holder: string
  readonly leaseVersion: number
  readonly progress: { readonly version: number; readonly position: string }
  readonly at: number
}

async function unlessStale<R>(write: () => Promise<R>): Promise<R | undefined> {
  try {
    return await write()
  } catch (error) {
    const lost = error instanceof HoldfastError && (error.reason === 'STALE_VERSION' || error.code === 'ALREADY_EXISTS')
    if (lost) return undefined
    throw error
  }
}
