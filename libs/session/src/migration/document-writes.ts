import { HoldfastError, asHoldfastError } from '@holdfast/errors'
import type { DocumentStore } from '@holdfast/persistence'
import { Coalescer } from '@holdfast/persistence/sql'
import { phaseOver } from '../session-store/direct-backend.js'
import { DocumentsBackend } from '../session-store/documents-backend.js'
import type { SessionRow, SessionWrite } from '../session-store/session-backend.js'
import { fenceId, fences } from './phase.js'

interface Call<R> {
  readonly epoch: number
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
      // A batch is one transaction, with a round trip for each: a larger one keeps its rows locked for too long.
      maxCalls: 64,
      gatekeeper: () => sameEpoch(),
    })
  }

  write(write: SessionWrite, epoch: number): Promise<SessionRow> {
    return this.#submit({ epoch, run: (backend) => backend.write(asIs(write)) })
  }

  remove(key: string, epoch: number): Promise<{ readonly version: number; readonly existed: boolean }> {
    return this.#submit({ epoch, run: (backend) => backend.remove(key) })
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
      const answers: unknown[] = []
      for (const { run } of calls) {
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

function sameEpoch(): (call: Call<unknown>) => boolean {
  let first: number | undefined
  let isRefusing = false
  return ({ epoch }) => {
    first ??= epoch
    isRefusing ||= first !== epoch
    return !isRefusing
  }
}

function overPhase(): HoldfastError {
  return new HoldfastError('ABORTED', 'The migration has gone on to another phase: the write belongs there', {
    reason: phaseOver,
  })
}
