import { HoldfastError } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { int8Array, textArray } from '@holdfast/persistence/sql'
import { type DirectBackend, rowOf as legacyRowOf } from '../session-store/direct-backend.js'
import { adoptRows, changedKeys, legacyVersions, scanRows } from '../session-store/direct-backend-statements.js'
import { rowOf, type StoredSession } from '../session-store/documents-backend.js'
import type { SessionRow } from '../session-store/session-backend.js'
import { sameJson, sessionDigest } from './canonical-json.js'
import type { SessionCopies } from './session-copies.js'

export type Truth = 'legacy' | 'documents'

/** What became of a key: `same`; `copied`: the copy was missing or older, and nobody was about to make it; `mended`: it was another value though versions
 *  were the same. */
export type Settled = 'same' | 'copied' | 'mended'

export interface ComparedPage {
  readonly keys: readonly string[]
  /** Where the next page begins; `undefined`: this was the last. */
  readonly next: string | undefined
  readonly settled: Readonly<Record<Settled, number>>
  /** Exclusive or of the digests of all keys with their values, of either store. */
  readonly digests: Readonly<Record<Truth, Buffer>>
}

/** How long after a write nobody has to have made its copy yet. */
const lagsMs = [0, 100, 1_000]
const maxMends = 5
const versionsAtOnce = 2_000
/** Of a transaction from its begin, which is the time that its rows show, to its commit. */
const longestTransactionMs = 120_000

/** Compares the two stores, and makes the copies that are missing. */
export class SessionComparison {
  readonly #direct: DirectBackend
  readonly #store: DocumentStore
  readonly #name: string
  readonly #copies: SessionCopies
  readonly #lagsMs: readonly number[]

  /** @param isPatient gives those who write the time to make their copies, before it is said that one is missing */
  constructor(direct: DirectBackend, store: DocumentStore, name: string, copies: SessionCopies, isPatient: boolean) {
    this.#direct = direct
    this.#store = store
    this.#name = name
    this.#copies = copies
    this.#lagsMs = isPatient ? lagsMs : []
  }

  /** The legacy table's rows behind `after`, in its own order, against the documents. */
  async legacyPage(after: string, limit: number, truth: Truth): Promise<ComparedPage> {
    let rows = await this.#scan(after, limit)
    const unseen = rows.filter(({ isKnown }) => !isKnown)
    if (unseen.length > 0 && truth === 'legacy') {
      const keys = textArray(unseen.map(({ key }) => key))
      const versions = int8Array(unseen.map(({ row }) => row.version))
      await this.#direct.driver.query({ text: adoptRows, values: [keys, versions] })
      rows = await this.#scan(after, limit)
    }
    const keys = rows.map(({ key }) => key)
    const documents = await this.#copies.documents.getMany(keys)
    const pairs = rows.map(({ key, row, isKnown }, index) => ({
      key,
      legacy: row,
      documents: rowOf(documents[index]),
      isKnown,
    }))
    return this.#page(pairs, rows.length < limit ? undefined : keys.at(-1), truth)
  }

  /** The documents with values behind `after` that the legacy table has no value for. */
  async documentsPage(after: string, limit: number, truth: Truth): Promise<ComparedPage> {
    const found = await this.#copies.documents
      .find({ _id: { $gt: after }, deleted: { $exists: false } }, { limit })
      .toArray()
    const keys = found.map(({ id }) => id)
    const legacy = await Promise.all(keys.map((key) => this.#direct.look(key)))
    const pairs = found.flatMap((document, index) => {
      const there = legacy[index]
      if (there === undefined || there.row.json !== undefined) return []
      return [{ key: document.id, legacy: there.row, documents: rowOf(document), isKnown: there.isKnown }]
    })
    return this.#page(pairs, found.length < limit ? undefined : keys.at(-1), truth)
  }

  /** Copies what was written since then, as versions tell, and what was not copied. @returns how many copies were made */
  async catchUp(truth: Truth, since: Times, epoch?: number): Promise<number> {
    const keys = [
      ...new Set([...(await this.#changedInLegacy(since.legacy)), ...(await this.#changedDocuments(since))]),
    ]
    let copied = 0
    for (let start = 0; start < keys.length; start += versionsAtOnce) {
      const stale = await this.#differInVersion(keys.slice(start, start + versionsAtOnce))
      const outcomes = await Promise.all(stale.map((key) => this.#copy(key, truth, epoch)))
      copied += outcomes.filter(Boolean).length
    }
    return copied
  }

  /** By the clocks of both databases. */
  async times(): Promise<Times> {
    const [row] = await this.#direct.driver.query({
      text: 'select (extract(epoch from now()) * 1000)::float8',
      values: [],
      readOnly: true,
    })
    return { legacy: Number(row?.[0]), documents: (await this.#store.now()).getTime() }
  }

  async #scan(after: string, limit: number): Promise<{ key: string; row: SessionRow; isKnown: boolean }[]> {
    const rows = await this.#direct.driver.query({
      name: 'migration-scan',
      text: scanRows,
      values: [after, limit],
      readOnly: true,
    })
    return rows.map(([key, ...row]) => ({ key: String(key), row: legacyRowOf(row), isKnown: row[6] === true }))
  }

  async #page(pairs: readonly Pair[], next: string | undefined, truth: Truth): Promise<ComparedPage> {
    const settled = { same: 0, copied: 0, mended: 0 }
    const digests = { legacy: Buffer.alloc(16), documents: Buffer.alloc(16) }
    await Promise.all(
      pairs.map(async (pair) => {
        const outcome = isSame(pair) ? { ...pair, as: 'same' as const } : await this.#settle(pair.key, truth)
        settled[outcome.as] += 1
        for (const side of ['legacy', 'documents'] as const) {
          const { json } = outcome[side]
          if (json !== undefined) xor(digests[side], sessionDigest(pair.key, json))
        }
      }),
    )
    return { keys: pairs.map(({ key }) => key), next, settled, digests }
  }

  async #settle(key: string, truth: Truth): Promise<Pair & { readonly as: Settled }> {
    const first = await this.#look(key, truth)
    let pair = first
    for (const lagMs of this.#lagsMs) {
      if (isSame(pair)) return { ...pair, as: 'same' }
      await new Promise((resolve) => setTimeout(resolve, lagMs))
      pair = await this.#look(key, truth)
    }
    let as: Settled = 'same'
    for (let attempt = 0; attempt < maxMends && !isSame(pair); attempt += 1) {
      // Who writes it makes its copies; comparing the two then catches one of them in between.
      if (pair[truth].version !== first[truth].version) return { ...pair, [other(truth)]: pair[truth], as: 'same' }
      as = pair.legacy.version === pair.documents.version && pair.isKnown ? 'mended' : 'copied'
      if (as === 'mended') await this.#copies.mend(key, truth)
      else await this.#copy(key, truth)
      pair = await this.#look(key, truth)
    }
    if (isSame(pair) || pair[truth].version !== first[truth].version) return { ...pair, as }
    throw new HoldfastError('DATA_LOSS', `Session ${key} cannot be made the same in both stores: look at it by hand`, {
      reason: 'STORES_DIFFER',
      metadata: { legacy: String(pair.legacy.version), documents: String(pair.documents.version) },
    })
  }

  async #look(key: string, truth: Truth): Promise<Pair> {
    if (truth === 'legacy') {
      const legacy = await this.#direct.read(key)
      return { key, legacy, documents: rowOf(await this.#copies.documents.get(key)), isKnown: true }
    }
    const documents = rowOf(await this.#copies.documents.get(key))
    const { row, isKnown } = await this.#direct.look(key)
    return { key, legacy: row, documents, isKnown }
  }

  async #copy(key: string, truth: Truth, epoch?: number): Promise<boolean> {
    if (truth === 'legacy') return this.#copies.toDocuments(key, await this.#direct.read(key))
    return this.#copies.toLegacy(key, rowOf(await this.#copies.documents.get(key)), epoch)
  }

  async #differInVersion(keys: readonly string[]): Promise<string[]> {
    const [legacy, documents] = await Promise.all([
      this.#direct.driver.query({ text: legacyVersions, values: [textArray(keys)], readOnly: true }),
      this.#copies.documents.find({ _id: { $in: keys } }, { project: { deleted: 1 } }).toArray(),
    ])
    const versions = new Map(documents.map((document) => [document.id, document]))
    return legacy.flatMap(([key, version, isThere, isKnown]) => {
      const document = versions.get(String(key))
      const isInDocuments = document !== undefined && document.data.deleted !== true
      if (isKnown === true && isThere === false && !isInDocuments) return []
      return isKnown === true && document?.version === version ? [] : [String(key)]
    })
  }

  async #changedInLegacy(since: number): Promise<string[]> {
    const keys: string[] = []
    for (let after = ''; ;) {
      const values = [since - longestTransactionMs, after, versionsAtOnce]
      const rows = await this.#direct.driver.query({ text: changedKeys, values, readOnly: true })
      keys.push(...rows.map(([key]) => String(key)))
      if (rows.length < versionsAtOnce) return keys
      after = keys.at(-1) ?? ''
    }
  }

  /** In a transaction: it conflicts with any that writes sessions, began under a fence that was raised before, and has not committed. */
  #changedDocuments({ documents }: Times): Promise<string[]> {
    const since = new Date(documents - longestTransactionMs)
    return this.#store.transaction(async (tx) => {
      const sessions = tx.collection<StoredSession>(this.#name)
      const found = await sessions.find({ _updatedAt: { $gte: since } }, { project: { deleted: 1 } }).toArray()
      return found.map(({ id }) => id)
    })
  }
}

export interface Times {
  /** Milliseconds since 1970. */
  readonly legacy: number
  readonly documents: number
}

interface Pair {
  readonly key: string
  readonly legacy: SessionRow
  readonly documents: SessionRow
  /** The legacy row has the version that stands beside it. */
  readonly isKnown: boolean
}

function other(truth: Truth): Truth {
  return truth === 'legacy' ? 'documents' : 'legacy'
}

function isSame({ legacy, documents, isKnown }: Pair): boolean {
  if (legacy.json === undefined || documents.json === undefined) return legacy.json === documents.json && isKnown
  return isKnown && legacy.version === documents.version && sameJson(legacy.json, documents.json)
}

function xor(sum: Buffer, digest: Buffer): void {
  for (let at = 0; at < sum.length; at += 1) sum[at] = (sum[at] ?? 0) ^ (digest[at] ?? 0)
}
