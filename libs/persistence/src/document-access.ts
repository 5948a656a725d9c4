import { HoldfastError } from '@holdfast/errors'
import type {
  DeleteRow,
  DocumentOperations,
  InsertRow,
  Key,
  Lifetime,
  ReplaceRow,
  StoredDocument,
  UpsertRow,
  Written,
} from './backend.js'
import { Coalescer } from './coalescer.js'
import { wait } from './conflict-retry.js'

/** One document at a time, as a collection calls it. The store answers through coalescing lanes, a transaction directly. */
export interface DocumentAccess {
  fetch(key: Key): Promise<StoredDocument | undefined>
  /** `undefined`: a tombstone stands there. */
  upsert(key: Key, json: string, ttlMs?: number | null): Promise<Written | undefined>
  insert(row: InsertRow): Promise<Written | undefined>
  replace(row: ReplaceRow): Promise<Written | undefined>
  remove(row: DeleteRow): Promise<number | undefined>
  /** Reads a document, computes its next text from it and writes that, atomically: again if another writer came between.
   *  @throws FAILED_PRECONDITION if it would make a document where a tombstone stands */
  modify(key: Key, change: Change, lifetime?: Lifetime): Promise<Modified>
}

/** The document's next text, or `undefined` to leave it as it is. Called again with newer text after a race; a thrown
 *  error reaches the caller and changes nothing. */
export type Change = (current: StoredDocument | undefined) => string | undefined

export interface Modified {
  /** As it is after the change; `undefined`: it was not there and the change made none. */
  readonly document: StoredDocument | undefined
  readonly changed: boolean
}

const maxRaces = 20

export class CoalescedDocuments implements DocumentAccess {
  readonly #fetch: Coalescer<Key, StoredDocument | undefined>
  readonly #upsert: Coalescer<InsertRow, Written | undefined>
  readonly #insert: Coalescer<InsertRow, Written | undefined>
  readonly #replace: Coalescer<ReplaceRow, Written | undefined>
  readonly #remove: Coalescer<DeleteRow, number | undefined>
  readonly #modify: Coalescer<ModifyCall, Modified | 'raced'>

  /** @param worthATrip waiting writes that are worth a second round trip, see the coalescer */
  constructor(collection: string, operations: DocumentOperations, worthATrip?: number) {
    const gatekeeper = oncePerKey
    this.#fetch = new Coalescer({ run: (keys) => fetchDistinct(collection, operations, keys) })
    this.#upsert = new Coalescer<InsertRow, Written | undefined>({
      run: (rows) => upsertFolded(collection, operations, rows),
      weigh,
      nameOf,
      worthATrip,
    })
    this.#insert = new Coalescer<InsertRow, Written | undefined>({
      run: (rows) => operations.insert(collection, rows),
      gatekeeper,
      weigh,
      nameOf,
      worthATrip,
    })
    this.#replace = new Coalescer<ReplaceRow, Written | undefined>({
      run: (rows) => operations.replace(collection, rows),
      gatekeeper,
      weigh,
      nameOf,
      worthATrip,
    })
    this.#remove = new Coalescer<DeleteRow, number | undefined>({
      run: (rows) => operations.remove(collection, rows),
      gatekeeper,
    })
    this.#modify = new Coalescer({ run: (calls) => modifyFolded(collection, operations, calls) })
  }

  fetch(key: Key): Promise<StoredDocument | undefined> {
    return this.#fetch.submit(key)
  }

  upsert(key: Key, json: string, ttlMs?: number | null): Promise<Written | undefined> {
    return this.#upsert.submit({ tenant: key.tenant, id: key.id, json, ttlMs })
  }

  insert(row: InsertRow): Promise<Written | undefined> {
    return this.#insert.submit(row)
  }

  replace(row: ReplaceRow): Promise<Written | undefined> {
    return this.#replace.submit(row)
  }

  remove(row: DeleteRow): Promise<number | undefined> {
    return this.#remove.submit(row)
  }

  async modify(key: Key, change: Change, lifetime?: Lifetime): Promise<Modified> {
    for (let race = 1; race <= maxRaces; race += 1) {
      const result = await this.#modify.submit({ key, change, lifetime })
      if (result !== 'raced') return result
      await wait(Math.random() * Math.min(100, 2 ** race))
    }
    throw contended(key)
  }

  async drain(): Promise<void> {
    const lanes = [this.#fetch, this.#upsert, this.#insert, this.#replace, this.#remove, this.#modify]
    await Promise.all(lanes.map((lane) => lane.drain()))
  }
}

/** Inside a transaction: every call is its own statement, and reads are repeatable, so nothing races. */
export class DirectDocuments implements DocumentAccess {
  readonly #collection: string
  readonly #operations: DocumentOperations

  constructor(collection: string, operations: DocumentOperations) {
    this.#collection = collection
    this.#operations = operations
  }

  async fetch(key: Key): Promise<StoredDocument | undefined> {
    return (await this.#operations.fetch(this.#collection, [key]))[0]
  }

  async upsert(key: Key, json: string, ttlMs?: number | null): Promise<Written | undefined> {
    const row = { tenant: key.tenant, id: key.id, json, ttlMs, bump: 1 }
    return (await this.#operations.upsert(this.#collection, [row]))[0]
  }

  async insert(row: InsertRow): Promise<Written | undefined> {
    return (await this.#operations.insert(this.#collection, [row]))[0]
  }

  async replace(row: ReplaceRow): Promise<Written | undefined> {
    return (await this.#operations.replace(this.#collection, [row]))[0]
  }

  async remove(row: DeleteRow): Promise<number | undefined> {
    return (await this.#operations.remove(this.#collection, [row]))[0]
  }

  async modify(key: Key, change: Change, lifetime?: Lifetime): Promise<Modified> {
    const current = await this.fetch(key)
    const json = change(current)
    if (json === undefined) return { document: current, changed: false }
    const written =
      current === undefined
        ? await this.insert({ ...key, json, ttlMs: lifetime?.ttlMs })
        : await this.replace({ ...key, json, lifetime, ifVersion: current.version, bump: 1 })
    if (written === undefined) {
      const [isRemoved] = await this.#operations.removed(this.#collection, [key])
      throw isRemoved === true ? removedDocument(this.#collection, key.id) : contended(key)
    }
    return { document: { ...written, json }, changed: true }
  }
}

interface ModifyCall {
  readonly key: Key
  readonly change: Change
  readonly lifetime: Lifetime | undefined
}

export function removedDocument(collection: string, id: string): HoldfastError {
  return new HoldfastError(
    'FAILED_PRECONDITION',
    `Document ${id} of ${collection} was deleted and stays so: restore it, or use another id`,
    { reason: 'DOCUMENT_REMOVED' },
  )
}

function contended(key: Key): HoldfastError {
  return new HoldfastError('ABORTED', `Document ${key.id} is written by too many at once: retry later`, {
    reason: 'CONTENTION',
  })
}

const nameOf = (key: Key): string => `${key.tenant}\0${key.id}`

const weigh = (row: { readonly json: string }): number => row.json.length

function oncePerKey(): (key: Key) => boolean {
  const seen = new Set<string>()
  return (key) => {
    const name = nameOf(key)
    if (seen.has(name)) return false
    seen.add(name)
    return true
  }
}

async function fetchDistinct(
  collection: string,
  operations: DocumentOperations,
  keys: readonly Key[],
): Promise<(StoredDocument | undefined)[]> {
  if (keys.length === 1) return operations.fetch(collection, keys)
  const positions = new Map<string, number>()
  const distinct: Key[] = []
  for (const key of keys) {
    const name = nameOf(key)
    if (positions.has(name)) continue
    positions.set(name, distinct.length)
    distinct.push(key)
  }
  const found = await operations.fetch(collection, distinct)
  return keys.map((key) => found[positions.get(nameOf(key)) ?? -1])
}

/** Puts of the same id in one batch become one row: the last text, a version grown by their number. That is the history in
 *  which they ran one after the other, and nobody can have seen the states in between. */
async function upsertFolded(
  collection: string,
  operations: DocumentOperations,
  calls: readonly InsertRow[],
): Promise<(Written | undefined)[]> {
  const [first] = calls
  if (calls.length === 1 && first !== undefined) return operations.upsert(collection, [{ ...first, bump: 1 }])
  const folded = new Map<string, { row: UpsertRow; index: number; count: number }>()
  const order = calls.map((call) => {
    const name = nameOf(call)
    const before = folded.get(name)
    const count = (before?.count ?? 0) + 1
    folded.set(name, { row: { ...call, bump: count }, index: before?.index ?? folded.size, count })
    return { name, place: count }
  })
  const written = await operations.upsert(
    collection,
    [...folded.values()].map(({ row }) => row),
  )
  return order.map(({ name, place }) => {
    const fold = folded.get(name)
    const last = written[fold?.index ?? -1]
    if (fold === undefined || last === undefined) return undefined
    return { ...last, version: last.version - (fold.count - place) }
  })
}

interface Fold {
  readonly key: Key
  readonly read: StoredDocument | undefined
  now: StoredDocument | undefined
  lifetime: Lifetime | undefined
  bump: number
}

/** What two updates one after the other make of a lifetime. */
function followedBy(first: Lifetime | undefined, second: Lifetime | undefined): Lifetime | undefined {
  if (second === undefined || first === undefined || second.kind === 'set') return second ?? first
  return first.kind === 'set' && first.ttlMs !== null ? { kind: 'set', ttlMs: second.ttlMs } : first
}

interface Answer {
  readonly name: string
  /** The call's own change, or one before it in the batch that it was computed from, still has to be written; if that fails,
   *  the answer (an error too) speaks of a state that never was. */
  readonly sawUnwritten: boolean
  /** The number of changes of the document in this batch, up to this one. */
  readonly place: number
  readonly result: Modified | HoldfastError
}

/** Two round trips for any number of updates: one reads all documents, one writes those that changed if they are still as read.
 *  Updates of the same document are applied one after the other in between. */
async function modifyFolded(
  collection: string,
  operations: DocumentOperations,
  calls: readonly ModifyCall[],
): Promise<(Modified | 'raced' | HoldfastError)[]> {
  const found = await fetchDistinct(
    collection,
    operations,
    calls.map(({ key }) => key),
  )
  const states = new Map<string, Fold>()
  const answers = calls.map(({ key, change, lifetime }, index): Answer => {
    const name = nameOf(key)
    const state = states.get(name) ?? { key, read: found[index], now: found[index], lifetime: undefined, bump: 0 }
    states.set(name, state)
    const sawUnwritten = state.bump > 0
    try {
      const json = change(state.now)
      if (json === undefined)
        return { name, sawUnwritten, place: state.bump, result: { document: state.now, changed: false } }
      state.bump += 1
      state.lifetime = followedBy(state.lifetime, lifetime)
      const at = state.now ?? { id: key.id, version: 0, createdAt: 0, updatedAt: 0 }
      state.now = { ...at, version: at.version + 1, json }
      return { name, sawUnwritten: true, place: state.bump, result: { document: state.now, changed: true } }
    } catch (error) {
      if (error instanceof HoldfastError) return { name, sawUnwritten, place: state.bump, result: error }
      throw error
    }
  })
  const changed = [...states.values()].filter(({ bump }) => bump > 0)
  const replaced = changed.flatMap(({ key, read, now, bump, lifetime }) =>
    read === undefined || now === undefined
      ? []
      : [{ ...key, json: now.json, ifVersion: read.version, bump, lifetime }],
  )
  const inserted = changed.flatMap(({ key, read, now, bump, lifetime }) =>
    read === undefined && now !== undefined ? [{ ...key, json: now.json, bump, ttlMs: lifetime?.ttlMs }] : [],
  )
  const [afterReplace, afterInsert] = await Promise.all([
    replaced.length > 0 ? operations.replace(collection, replaced) : [],
    inserted.length > 0 ? operations.insert(collection, inserted) : [],
  ])
  const outcomes = new Map<string, Written | undefined>()
  for (const [index, row] of replaced.entries()) outcomes.set(nameOf(row), afterReplace[index])
  for (const [index, row] of inserted.entries()) outcomes.set(nameOf(row), afterInsert[index])
  const refused = inserted.filter((_, index) => afterInsert[index] === undefined)
  const isRemoved = refused.length > 0 ? await operations.removed(collection, refused) : []
  const removed = new Set(refused.filter((_, index) => isRemoved[index]).map(nameOf))
  return answers.map(({ name, sawUnwritten, place, result }, index) => {
    if (!sawUnwritten) return result
    const written = outcomes.get(name)
    if (written === undefined) {
      return removed.has(name) ? removedDocument(collection, calls[index]?.key.id ?? '') : 'raced'
    }
    if (result instanceof HoldfastError || result.document === undefined) return result
    const { json } = result.document
    const version = written.version - ((states.get(name)?.bump ?? 0) - place)
    return { ...result, document: { ...written, version, json } }
  })
}
