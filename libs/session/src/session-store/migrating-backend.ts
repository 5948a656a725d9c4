import { HoldfastError, invalidField } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { sameJson } from '../migration/canonical-json.js'
import { DocumentWrites } from '../migration/document-writes.js'
import { copyOf, type PhaseState, PhaseRow, truthOf } from '../migration/phase.js'
import { PhaseTrust } from '../migration/phase-trust.js'
import { SessionCopies } from '../migration/session-copies.js'
import { ShadowReads } from '../migration/shadow-reads.js'
import { UnfinishedCopies } from '../migration/unfinished-copies.js'
import { type DirectBackend, type DirectBackendOptions, openDirectBackend, phaseOver } from './direct-backend.js'
import { DocumentsBackend } from './documents-backend.js'
import type { SessionBackend, SessionRow, SessionWrite } from './session-backend.js'

export interface MigratingBackendOptions extends DirectBackendOptions {
  /** Of the documents' collection; default `sessions`. */
  readonly name?: string
  /** How long a process reads under a phase without looking at it again, in milliseconds; default 500. The same in all processes. */
  readonly trustMs?: number
  /** Of the reads in the phase `verify`, how many are asked of the other store too, from 0 to 1; default 1. */
  readonly shadowReads?: number
}

/** @param url of the database with the legacy table
 *  @param store with the documents */
export async function openMigratingBackend(
  url: string,
  store: DocumentStore,
  options: MigratingBackendOptions = {},
): Promise<MigratingBackend> {
  const { name = 'sessions', trustMs = 500, shadowReads = 1, sweepIntervalMs = 60_000, ...more } = options
  if (!(shadowReads >= 0 && shadowReads <= 1)) throw invalidField('shadowReads', 'must be a number from 0 to 1')
  // Sweeps belong to the phase.
  const direct = await openDirectBackend(url, { ...more, sweepIntervalMs: 0 })
  return new MigratingBackend(direct, store, { name, trustMs, shadowReads, sweepIntervalMs })
}

/** Both stores, as the phase of the migration says: the one that is the truth is written first and answers; the other gets copies, versions included. A write
 *  under a phase that has ended is refused by the database that it goes to, and is then made under the new one:
 *  docs/decisions/0022-phases-of-a-migration.md. */
export class MigratingBackend implements SessionBackend {
  readonly kind = 'migrating'
  readonly #direct: DirectBackend
  readonly #store: DocumentStore
  readonly #documents: DocumentsBackend
  readonly #trust: PhaseTrust
  readonly #copies: SessionCopies
  readonly #writes: DocumentWrites
  readonly #unfinished: UnfinishedCopies
  readonly #shadow: ShadowReads
  readonly #shadowReads: number
  readonly #sweeps: NodeJS.Timeout | undefined

  constructor(
    direct: DirectBackend,
    store: DocumentStore,
    options: {
      readonly name: string
      readonly trustMs: number
      readonly shadowReads: number
      readonly sweepIntervalMs: number
    },
  ) {
    this.#direct = direct
    this.#store = store
    this.#documents = new DocumentsBackend(store, options.name)
    this.#trust = new PhaseTrust(new PhaseRow(direct.driver, store, options.name), options.trustMs)
    this.#copies = new SessionCopies(direct, store, options.name)
    this.#writes = new DocumentWrites(store, options.name)
    this.#unfinished = new UnfinishedCopies((key) => this.#copyAgain(key))
    this.#shadow = new ShadowReads(direct.driver)
    this.#shadowReads = options.shadowReads
    if (options.sweepIntervalMs > 0) {
      this.#sweeps = setInterval(() => void this.#sweep().catch(() => undefined), options.sweepIntervalMs).unref()
    }
  }

  read(key: string): Promise<SessionRow> {
    return this.#reading(async ({ phase }) => {
      if (truthOf(phase) === 'documents') return this.#documents.read(key)
      const row = await this.#direct.read(key)
      if (phase === 'verify' && Math.random() < this.#shadowReads) this.#shadow.run(() => this.#compare(key, row))
      return row
    })
  }

  write(write: SessionWrite): Promise<SessionRow> {
    return this.#writing(async ({ phase, epoch }) => {
      const { key } = write
      if (truthOf(phase) === 'documents') {
        const row = await this.#committing(key, phase, () => this.#writes.write(write, epoch))
        await this.#follow(key, row, phase, epoch)
        return row
      }
      const row = await this.#direct.write(write, epoch)
      if (copyOf(phase) === 'documents') await this.#unfinished.add(key, () => this.#copies.toDocuments(key, row))
      return row
    })
  }

  remove(key: string): Promise<{ readonly version: number; readonly existed: boolean }> {
    return this.#writing(async ({ phase, epoch }) => {
      if (truthOf(phase) === 'documents') {
        const removed = await this.#committing(key, phase, () => this.#writes.remove(key, epoch))
        await this.#follow(key, tombstone(removed.version), phase, epoch)
        return removed
      }
      const removed = await this.#direct.remove(key, epoch)
      if (copyOf(phase) === 'documents') {
        await this.#unfinished.add(key, () => this.#copies.toDocuments(key, tombstone(removed.version)))
      }
      return removed
    })
  }

  keys(after: string | undefined, limit: number): Promise<string[]> {
    return this.#reading(({ phase }) =>
      truthOf(phase) === 'documents' ? this.#documents.keys(after, limit) : this.#direct.keys(after, limit),
    )
  }

  async ping(): Promise<number> {
    const { phase } = await this.#trust.current()
    return truthOf(phase) === 'documents' ? (await this.#store.health()).latencyMs : this.#direct.ping()
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeps)
    await this.#unfinished.close()
    await this.#shadow.close()
    this.#trust.close()
    await this.#writes.drain()
    await this.#direct.close()
  }

  /** What is answered was read while the phase lasted. */
  async #reading<R>(read: (state: PhaseState) => Promise<R>): Promise<R> {
    for (;;) {
      const state = await this.#trust.current()
      const answer = await read(state)
      if (await this.#trust.holds(state)) return answer
    }
  }

  async #writing<R>(write: (state: PhaseState) => Promise<R>): Promise<R> {
    let state = await this.#trust.current()
    for (;;) {
      if (state.hold !== undefined) state = await this.#trust.next(state)
      try {
        return await write(state)
      } catch (error) {
        if (!isOver(error)) throw error
      }
      state = await this.#trust.next(state)
    }
  }

  /** Nobody knows of a write with an unknown outcome whether there is something to copy. */
  async #committing<R>(key: string, phase: PhaseState['phase'], commit: () => Promise<R>): Promise<R> {
    try {
      return await commit()
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'UNKNOWN' && copyOf(phase) === 'legacy') {
        void this.#unfinished.add(key, () => this.#copyAgain(key))
      }
      throw error
    }
  }

  /** The old service finds it before the caller has an answer, so that it can be switched on at any moment; unless its database is away, with which it could not
   *  run: then as soon as that is back. */
  async #follow(key: string, row: SessionRow, phase: PhaseState['phase'], epoch: number): Promise<void> {
    if (copyOf(phase) !== 'legacy') return
    try {
      await this.#copies.toLegacy(key, row, epoch)
    } catch (error) {
      if (!isOver(error)) {
        void this.#unfinished.add(key, () => this.#copyAgain(key))
        return
      }
      // It was committed while the documents were the truth, and whoever ended that has copied it, if the documents could be read.
      const state = await this.#trust.next({ epoch, phase, hold: undefined })
      if (truthOf(state.phase) === 'documents') {
        await this.#follow(key, row, state.phase, state.epoch)
      } else if ((await this.#direct.read(key)).version < row.version) {
        throw error
      }
    }
  }

  /** The old service knows no expiry: it would still see what has ended. */
  async #sweep(): Promise<void> {
    const { phase, epoch, hold } = await this.#trust.current()
    if (phase !== 'documents' && hold === undefined) await this.#direct.sweep(epoch)
  }

  /** Whatever is the truth now. */
  async #copyAgain(key: string): Promise<boolean> {
    const { phase, epoch } = await this.#trust.current()
    const copy = copyOf(phase)
    if (copy === 'documents') return this.#copies.toDocuments(key, await this.#direct.read(key))
    return copy === 'legacy' && this.#copies.toLegacy(key, await this.#documents.read(key), epoch)
  }

  /** `undefined`: the copy is on its way, or the value was written meanwhile. */
  async #compare(key: string, row: SessionRow): Promise<boolean | undefined> {
    for (const waitMs of [0, 50, 500, 2_000]) {
      if (waitMs > 0) await this.#shadow.pause(waitMs)
      const copy = await this.#documents.read(key)
      if (copy.version === row.version || (row.version === 0 && copy.json === undefined)) {
        if (sameJson(copy.json, row.json)) return true
      }
    }
    const now = await this.#direct.read(key)
    return now.version === row.version && now.json === row.json ? false : undefined
  }
}

function tombstone(version: number): SessionRow {
  return { version, json: undefined, createdAt: 0, updatedAt: 0, expiresAt: undefined }
}

function isOver(error: unknown): boolean {
  return error instanceof HoldfastError && error.reason === phaseOver
}
