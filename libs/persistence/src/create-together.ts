import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Backend, Creation, DocumentOperations, InsertRow, Operations, StreamKey, Written } from './backend.js'
import { Coalescer } from './coalescer.js'
import { retryConflicts } from './conflict-retry.js'
import { DirectDocuments } from './document-access.js'

interface Arrived {
  readonly collection: string
  readonly row: InsertRow
  readonly resolve: (written: Written | undefined) => void
  readonly reject: (error: unknown) => void
}

/** What a creation came to: `undefined` if the stream was there before, else what was written of each document; where one of them is
 *  missing its id was taken, and nothing was written. */
type Created = readonly (Written | undefined)[] | undefined

/** The lanes in which creations of one kind (the same log, the same collections) become one round trip. */
export class CreationLanes {
  readonly #backend: Backend
  readonly #worthATrip: number | undefined
  readonly #lanes = new Map<string, Coalescer<Creation, Created>>()

  constructor(backend: Backend, worthATrip?: number) {
    this.#backend = backend
    this.#worthATrip = worthATrip
  }

  async create(log: string, collections: readonly string[], creation: Creation): Promise<Created> {
    if (this.#backend.createTogether === undefined || creation.rows.some(({ ttlMs }) => ttlMs != null)) {
      return this.#inTransaction(log, collections, creation)
    }
    try {
      return await this.#laneOf(log, collections).submit(creation)
    } catch (error) {
      const reason = error instanceof HoldfastError ? error.reason : undefined
      if (reason !== 'UNIQUE_VIOLATION' && reason !== 'NOT_AS_ONE') throw error
      // It finds out which id was taken, or that what took it has expired.
      return this.#inTransaction(log, collections, creation)
    }
  }

  async drain(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.drain()))
  }

  #laneOf(log: string, collections: readonly string[]): Coalescer<Creation, Created> {
    const name = [log, ...collections].join()
    const known = this.#lanes.get(name)
    if (known !== undefined) return known
    const lane = new Coalescer<Creation, Created>({
      run: async (creations) => {
        const created = await this.#backend.createTogether?.(log, collections, creations)
        if (created === undefined) throw notAsOne()
        return created
      },
      gatekeeper: oncePerStream,
      nameOf: ({ stream }) => nameOf(stream),
      worthATrip: this.#worthATrip,
      weigh: ({ rows }) => rows.reduce((bytes, { json }) => bytes + json.length, 0),
    })
    this.#lanes.set(name, lane)
    return lane
  }

  async #inTransaction(log: string, collections: readonly string[], { stream, rows }: Creation): Promise<Created> {
    let written: (Written | undefined)[] = []
    const work = async (tx: Operations): Promise<Created> => {
      written = []
      if (!(await tx.logs.create(log, stream))) return undefined
      for (const [index, row] of rows.entries()) {
        const [one] = await tx.documents.insert(collections[index] ?? '', [row])
        written.push(one)
        if (one === undefined) throw taken
      }
      return written
    }
    try {
      return await retryConflicts(() => this.#backend.transaction(work))
    } catch (error) {
      if (error !== taken) throw error
      return rows.map((_, index) => written[index])
    }
  }
}

const taken = new HoldfastError('ALREADY_EXISTS', 'An id is taken')

function notAsOne(): HoldfastError {
  return new HoldfastError('FAILED_PRECONDITION', 'A collection has a feed', { reason: 'NOT_AS_ONE' })
}

const nameOf = ({ tenant, stream }: StreamKey): string => `${tenant}\0${stream}`

function oncePerStream(): (creation: Creation) => boolean {
  const seen = new Set<string>()
  return ({ stream }) => {
    const name = nameOf(stream)
    if (seen.has(name)) return false
    seen.add(name)
    return true
  }
}

/** Where the collections that `createTogether` hands out send their inserts: they are sent when all that were begun have come, since
 *  some may have to encrypt first. */
export class GatheredInserts {
  readonly #arrived: Arrived[] = []
  #failure: unknown
  #onArrival: () => void = () => {}

  /** As far as a collection needs them for `insertOne`. */
  documents(
    collection: string,
    operations: DocumentOperations,
  ): { readonly access: DirectDocuments; readonly operations: DocumentOperations } {
    const insert = (_: string, rows: readonly InsertRow[]) =>
      Promise.all(rows.map((row) => this.#arrive(collection, row)))
    // The types of CreateScope keep everything else out of reach, but for the question why an id was taken.
    const gathered: Pick<DocumentOperations, 'insert'> = { insert }
    return { access: new DirectDocuments(collection, gathered as DocumentOperations), operations }
  }

  /** @returns what the inserts answered; `undefined`: the stream was there before */
  async send<R>(
    inserts: readonly Promise<R>[],
    create: (collections: readonly string[], rows: readonly InsertRow[]) => Promise<Created>,
  ): Promise<R[] | undefined> {
    if (!Array.isArray(inserts) || inserts.length === 0) throw invalidField('make', 'must begin at least one insert')
    const all = Promise.all(inserts)
    try {
      // One that fails before it comes here fails all of them.
      await Promise.race([all, this.#all(inserts.length)])
      const arrived = this.#arrived
      if (arrived.length !== inserts.length) throw invalidField('make', 'must answer every insert that it begins')
      const created = await create(
        arrived.map(({ collection }) => collection),
        arrived.map(({ row }) => row),
      )
      if (created === undefined) {
        this.#end(abandoned)
        await Promise.allSettled(inserts)
        return undefined
      }
      const fault = created.includes(undefined) ? created.indexOf(undefined) : undefined
      if (fault !== undefined) {
        // That one finds out why.
        arrived[fault]?.resolve(undefined)
        await Promise.race(inserts)
      }
      for (const [index, { resolve }] of arrived.entries()) resolve(created[index])
      return await all
    } catch (error) {
      this.#end(abandoned)
      await Promise.allSettled(inserts)
      throw error
    }
  }

  #arrive(collection: string, row: InsertRow): Promise<Written | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure)
        return
      }
      this.#arrived.push({ collection, row, resolve, reject })
      this.#onArrival()
    })
  }

  #all(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onArrival = () => {
        if (this.#arrived.length >= count) resolve()
      }
      this.#onArrival()
    })
  }

  #end(failure: unknown): void {
    this.#failure = failure
    for (const { reject } of this.#arrived) reject(failure)
  }
}

const abandoned = new HoldfastError('CANCELLED', 'Nothing was written, because another part could not be')
