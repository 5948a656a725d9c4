import { HoldfastError } from '@holdfast/errors'
import type { Collection, Document, DocumentStore } from '@holdfast/persistence'
import type { SessionBackend, SessionRow, SessionWrite } from './session-backend.js'

/** A session as a document. A deletion leaves one without a value for some time, so that versions go on. */
export interface StoredSession {
  readonly value?: unknown
  /** Of what was copied from another store: the value as that had it, if it would come back otherwise (`1.0` as `1`, or what a double cannot
   *  hold). */
  readonly text?: string
  readonly deleted?: true
}

/** How long a deleted key remembers its version: longer than anything that was read before the deletion is kept anywhere (a cache
 *  entry a minute). After that versions begin again at 1. */
export const tombstoneMs: number = 24 * 60 * 60 * 1000

export class DocumentsBackend implements SessionBackend {
  readonly kind = 'documents'
  readonly #sessions: Collection<StoredSession>
  readonly #store: Pick<DocumentStore, 'collection' | 'health'>

  /** @param store also one transaction of it */
  constructor(store: Pick<DocumentStore, 'collection' | 'health'>, collection: string) {
    this.#store = store
    this.#sessions = store.collection<StoredSession>(collection)
  }

  async read(key: string): Promise<SessionRow> {
    return rowOf(await this.#sessions.get(key))
  }

  async write({ key, value, json, ttlMs, ifVersion }: SessionWrite): Promise<SessionRow> {
    const data: StoredSession = { value }
    const lifetime = { ttlMs: ttlMs ?? null }
    if (ifVersion === undefined) return writtenOf(await this.#sessions.put(key, data, lifetime), json)
    if (ifVersion > 0) return this.#replace(key, data, ifVersion, lifetime, json)
    for (;;) {
      const there = await this.#sessions.get(key)
      if (there !== undefined && there.data.deleted !== true) throw stale(key, there.version, 0)
      try {
        return writtenOf(await this.#sessions.put(key, data, { ifVersion: there?.version ?? 0, ...lifetime }), json)
      } catch (error) {
        // Somebody else was faster: what is there now decides.
        if (!(error instanceof HoldfastError) || error.reason !== 'STALE_VERSION') throw error
      }
    }
  }

  async #replace(
    key: string,
    data: StoredSession,
    ifVersion: number,
    lifetime: { readonly ttlMs: number | null },
    json: string,
  ): Promise<SessionRow> {
    try {
      const written = await this.#sessions.updateOne(
        { _id: key, deleted: { $exists: false } },
        { $set: { value: data.value }, $unset: { text: '' } },
        { ifVersion, ...lifetime },
      )
      if (written !== undefined) return writtenOf(written, json)
    } catch (error) {
      // A conflict has ended the transaction that this may be part of.
      const isStale =
        error instanceof HoldfastError && error.code === 'ABORTED' && error.reason !== 'TRANSACTION_CONFLICT'
      if (!isStale) throw error
    }
    throw stale(key, (await this.read(key)).version, ifVersion)
  }

  async remove(key: string): Promise<{ readonly version: number; readonly existed: boolean }> {
    const gone = await this.#sessions.updateOne(
      { _id: key, deleted: { $exists: false } },
      { $set: { deleted: true }, $unset: { value: '', text: '' } },
      { ttlMs: tombstoneMs },
    )
    if (gone !== undefined) return { version: gone.version, existed: true }
    return { version: 0, existed: false }
  }

  async keys(after: string | undefined, limit: number): Promise<string[]> {
    const behind = after === undefined ? {} : { _id: { $gt: after } }
    const found = await this.#sessions
      .find({ ...behind, deleted: { $exists: false } }, { limit, project: { deleted: 1 } })
      .toArray()
    return found.map(({ id }) => id)
  }

  async ping(): Promise<number> {
    return (await this.#store.health()).latencyMs
  }

  async close(): Promise<void> {
    // The store belongs to whoever opened it.
  }
}

export function rowOf(document: Document<StoredSession> | undefined): SessionRow {
  if (document === undefined) return { version: 0, json: undefined, createdAt: 0, updatedAt: 0, expiresAt: undefined }
  const { data } = document
  // A tombstone's end is that of its memory, not of a value.
  if (data.deleted === true) return { ...timesOf(document), json: undefined, expiresAt: undefined }
  return { ...timesOf(document), json: data.text ?? JSON.stringify(data.value) }
}

function writtenOf(document: Document<StoredSession>, json: string): SessionRow {
  return { ...timesOf(document), json }
}

function timesOf({ version, createdAt, updatedAt, expiresAt }: Document<StoredSession>): Omit<SessionRow, 'json'> {
  return {
    version,
    createdAt: createdAt.getTime(),
    updatedAt: updatedAt.getTime(),
    expiresAt: expiresAt?.getTime(),
  }
}

export function stale(key: string, actual: number, expected: number): HoldfastError {
  return new HoldfastError(
    'ABORTED',
    `Session ${key} is at version ${actual}, not ${expected}: read it again and retry`,
    {
      reason: 'STALE_VERSION',
      metadata: { version: String(actual) },
    },
  )
}
