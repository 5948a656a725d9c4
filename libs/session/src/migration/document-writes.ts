import { HoldfastError, asHoldfastError } from '@holdfast/errors'
import type { Collection, DocumentStore } from '@holdfast/persistence'
import { Coalescer } from '@holdfast/persistence/sql'
import { phaseOver } from '../session-store/direct-backend.js'
import { DocumentsBackend, rowOf, type StoredSession } from '../session-store/documents-backend.js'
import type { SessionRow, SessionWrite } from '../session-store/session-backend.js'
import { fenceId, fences } from './phase.js'

interface Call<R> {
  readonly epoch: number
  readonly key: string
  /** A write without a condition and without an end: many of them are two statements. */
  readonly plain?: SessionWrite
  readonly run: (backend: DocumentsBackend) => Promise<R>
}

/** Writes of sessions as documents while a migration is under way: in one transaction with a look at the fence, many at a time. */
export class DocumentWrites {
  readonly #store: DocumentStore
  readonly #name: string
  readonly #lane: Coalescer<Call<unknown>, unknown>

  constructor(store: DocumentStore, name: string) {
    this.#store = store
    this.#name = name
    this.#lane = new Coalescer<Call<unknown>, unknown>({
      run: (calls) => this.#runTogether(calls),
      // A batch is one transaction, with a round trip for each that is not plain: a larger one keeps its rows locked for too long.
      maxCalls: 64,
      gatekeeper: () => oncePerKey(),
    })
  }

  write(write: SessionWrite, epoch: number): Promise<SessionRow> {
    const { key, ttlMs, ifVersion } = write
    const isPlain = ttlMs === undefined && ifVersion === undefined
    const call = { epoch, key, run: (backend: DocumentsBackend) => backend.write(asIs(write)) }
    return this.#submit(isPlain ? { ...call, plain: write } : call)
  }

  remove(key: string, epoch: number): Promise<{ readonly version: number; readonly existed: boolean }> {
    return this.#submit({ epoch, key, run: (backend) => backend.remove(key) })
  }

  drain(): Promise<void> {
    return this.#lane.drain()
  }

  #submit<R>(call: Call<R>): Promise<R> {
    return this.#lane.submit(call) as Promise<R>
  }

  #runTogether(calls: readonly Call<unknown>[]): Promise<unknown[]> {
    return this.#store.transaction(async (tx) => {
      const fence = await fences(tx, this.#name).get(fenceId)
      if (fence?.data.epoch !== calls[0]?.epoch) return calls.map(() => overPhase())
      const within = { collection: tx.collection.bind(tx), health: () => this.#store.health() }
      const backend = new DocumentsBackend(within, this.#name)
      const plain = calls.flatMap((call) => (call.plain === undefined ? [] : [call.plain]))
      const written = plain.length > 1 ? await putTogether(tx.collection(this.#name), plain) : undefined
      const answers: unknown[] = []
      for (const { run, key } of calls) {
        const row = written?.get(key)
        if (row !== undefined) {
          answers.push(row)
          continue
        }
        answers.push(
          await run(backend).catch((error: unknown) => {
            const failure = asHoldfastError(error, 'A write of a session')
            // Of one call; anything else ends the transaction.
            if (failure.reason === 'STALE_VERSION' || failure.code === 'INVALID_ARGUMENT') return failure
            throw error
          }),
        )
      }
      return answers
    })
  }
}

/** The caller may have changed the value by the time that its transaction begins. */
function asIs(write: SessionWrite): SessionWrite {
  return { ...write, value: JSON.parse(write.json) as unknown }
}

async function putTogether(
  sessions: Collection<StoredSession>,
  writes: readonly SessionWrite[],
): Promise<Map<string, SessionRow>> {
  await sessions.load(
    writes.map((write) => ({ id: write.key, data: { value: asIs(write).value } })),
    { onConflict: 'replace' },
  )
  const texts = new Map(writes.map(({ key, json }) => [key, json]))
  const found = await sessions.find({ _id: { $in: [...texts.keys()] } }, { project: { deleted: 1 } }).toArray()
  return new Map(found.map((document) => [document.id, { ...rowOf(document), json: texts.get(document.id) }]))
}

/** One epoch only, and each key once. */
function oncePerKey(): (call: Call<unknown>) => boolean {
  let first: number | undefined
  let isRefusing = false
  const seen = new Set<string>()
  return ({ epoch, key }) => {
    first ??= epoch
    isRefusing ||= first !== epoch
    const admits = !isRefusing && !seen.has(key)
    seen.add(key)
    return admits
  }
}

function overPhase(): HoldfastError {
  return new HoldfastError('ABORTED', 'The migration has gone on to another phase: the write belongs there', {
    reason: phaseOver,
  })
}
