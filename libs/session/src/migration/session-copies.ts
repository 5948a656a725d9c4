import { HoldfastError } from '@holdfast/errors'
import type { Collection, Document, DocumentStore } from '@holdfast/persistence'
import type { DirectBackend } from '../session-store/direct-backend.js'
import { rowOf, type StoredSession } from '../session-store/documents-backend.js'
import type { SessionRow } from '../session-store/session-backend.js'
import { documentOf, lifetimeOf } from './copied-session.js'

/** Between two looks at what others write. */
const maxLooks = 20

/** Copies sessions between the legacy table and the documents, each with its version, which both stores then have. A copy only goes forward: where
 *  this version or a newer one is there already it changes nothing, so that copies may come late, twice and in any order. */
export class SessionCopies {
  readonly direct: DirectBackend
  readonly documents: Collection<StoredSession>

  constructor(direct: DirectBackend, store: DocumentStore, name: string) {
    this.direct = direct
    this.documents = store.collection<StoredSession>(name)
  }

  /** The legacy table is the truth. @returns whether something was written */
  async toDocuments(key: string, row: SessionRow): Promise<boolean> {
    let truth = row
    for (let look = 0; look < maxLooks; look += 1) {
      const there = await this.documents.get(key)
      const version = there?.version ?? 0
      if (truth.version === 0 && version === 0) return false
      if (version === truth.version) return false
      if (version > truth.version) {
        truth = await this.direct.read(key)
        if (truth.version >= version) return false
        // Of a key that was forgotten here, or whose expired document the copy took the place of.
        if (await this.direct.raise(key, truth.version, version + 1)) truth = { ...truth, version: version + 1 }
        continue
      }
      const ttlMs = lifetimeOf(truth, Date.now())
      const options = { ifVersion: version, version: truth.version, ttlMs }
      try {
        const written = await this.documents.put(key, documentOf(truth), options)
        if (written.version === truth.version) return true
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== 'ABORTED') throw error
      }
    }
    throw contended(key)
  }

  /** The documents are the truth. @throws ABORTED with reason PHASE_OVER if the epoch is */
  async toLegacy(key: string, row: SessionRow, epoch?: number): Promise<boolean> {
    let truth = row
    for (let look = 0; look < maxLooks; look += 1) {
      if (truth.version > 0 && (await this.direct.copy(key, truth, epoch))) return true
      const there = await this.direct.look(key)
      if (there.isKnown && there.row.version === truth.version) return false
      const document = await this.documents.get(key)
      truth = rowOf(document)
      if (there.isKnown && truth.version > there.row.version) continue
      if (there.isKnown && truth.version === there.row.version) return false
      // It was forgotten here, or the old service wrote there, which it must not any more.
      truth = (await this.#raiseDocument(key, document, there.row.version)) ?? truth
    }
    throw contended(key)
  }

  /** Makes the copy anew though versions say that it is there. */
  async mend(key: string, truthIs: 'legacy' | 'documents', epoch?: number): Promise<void> {
    const document = await this.documents.get(key)
    if (truthIs === 'legacy') {
      const { version } = await this.direct.read(key)
      await this.direct.raise(key, version, Math.max(version, document?.version ?? 0) + 1)
      await this.toDocuments(key, await this.direct.read(key))
    } else {
      const there = await this.direct.look(key)
      const raised = await this.#raiseDocument(key, document, there.row.version)
      if (raised !== undefined) await this.toLegacy(key, raised, epoch)
    }
  }

  /** `undefined`: somebody else has written it. */
  async #raiseDocument(
    key: string,
    document: Document<StoredSession> | undefined,
    above: number,
  ): Promise<SessionRow | undefined> {
    const from = document?.version ?? 0
    const data = document?.data ?? { deleted: true as const }
    const ttlMs = lifetimeOf({ ...rowOf(document), expiresAt: document?.expiresAt?.getTime() }, Date.now())
    try {
      return rowOf(await this.documents.put(key, data, { ifVersion: from, version: Math.max(from, above) + 1, ttlMs }))
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'ABORTED') return undefined
      throw error
    }
  }
}

function contended(key: string): HoldfastError {
  return new HoldfastError('ABORTED', `Session ${key} is written by too many at once: copy it again later`, {
    reason: 'CONTENTION',
  })
}
