import { HoldfastError } from '@holdfast/errors'
import type { Operations } from './backend.js'
import { wait } from './conflict-retry.js'
import { decodeJson, encodeJson } from './json.js'
import { isTransient } from './transient.js'

export interface KeyedTransaction<R> {
  readonly tenant: string
  readonly key: string
  readonly timeoutMs: number
  readonly work: (tx: Operations) => Promise<R>
  /** Runs one transaction, conflicts resolved. */
  readonly attempt: <Result>(work: (tx: Operations) => Promise<Result>) => Promise<Result>
}

/** Runs a transaction at most once for its key: the result is stored with what the work wrote, in the same commit. When the
 *  connection is lost at COMMIT, that record says whether it was committed. It is looked for in a transaction that writes the
 *  record first, because a COMMIT that was lost on the way back may still be under way on the server: whoever writes the same
 *  record waits for it, where a mere read would see nothing and be wrong a moment later. */
export async function runKeyed<R>({ tenant, key, timeoutMs, work, attempt }: KeyedTransaction<R>): Promise<R> {
  const started = performance.now()
  let doubt: HoldfastError | undefined
  for (let pauseMs = 20; ; pauseMs = Math.min(1_000, pauseMs * 2)) {
    try {
      const json = await attempt(async (tx) => {
        const before = await tx.outcomes.find(tenant, key)
        if (before !== undefined) return before.json
        if (doubt !== undefined) {
          await tx.outcomes.record(tenant, key, undefined)
          doubt = undefined
        }
        const result = await work(tx)
        const encoded = result === undefined ? undefined : encodeJson(result, 'result')
        await tx.outcomes.record(tenant, key, encoded)
        return encoded
      })
      return (json === undefined ? undefined : decodeJson(json)) as R
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'UNKNOWN') doubt = error
      else if (doubt === undefined) throw error
      // A failure to look says nothing about the outcome, so it stays unknown.
      else if (!isTransient(error)) throw doubt
      if (performance.now() - started + pauseMs > timeoutMs) throw doubt
      await wait(pauseMs)
    }
  }
}
