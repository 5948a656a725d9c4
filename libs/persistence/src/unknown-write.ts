import { isDeepStrictEqual } from 'node:util'
import { HoldfastError } from '@holdfast/errors'
import type { StoredDocument, Written } from './backend.js'
import { wait } from './conflict-retry.js'
import { decodeJson } from './json.js'
import { isTransient } from './transient.js'

export interface ConditionalWrite {
  /** An insert, or a replace of one version: it takes effect once, however often it is repeated. `undefined`: the condition did not
   *  hold. */
  readonly write: () => Promise<Written | undefined>
  readonly fetch: () => Promise<StoredDocument | undefined>
  readonly json: string
  /** Which the write leads to. */
  readonly version: number
  /** The id was made up for this insert, so that nobody else can have taken it. */
  readonly isOwnId: boolean
}

const resolveWithinMs = 5_000

/** What became of a write whose answer was lost (any other error is thrown as it is): it is repeated until there is an answer. If the
 *  condition does not hold any more, the document tells: another text at the version that this write would have made is another's write.
 *  The same text there may be this write or an equal one of somebody else, and a later version may have been written over it: that
 *  stays UNKNOWN, because two callers must not both be told that they were first. */
export async function resolveWrite(error: unknown, attempt: ConditionalWrite): Promise<Written | undefined> {
  if (!(error instanceof HoldfastError) || error.code !== 'UNKNOWN') throw error
  const started = performance.now()
  for (
    let pauseMs = 50;
    performance.now() - started + pauseMs < resolveWithinMs;
    pauseMs = Math.min(1_000, pauseMs * 2)
  ) {
    await wait(pauseMs)
    const verdict = await judge(attempt, error)
    if (verdict === 'again') continue
    if (verdict === 'doubtful') throw error
    return verdict
  }
  throw error
}

/** An outage says nothing about the first write: `again`. */
async function judge(attempt: ConditionalWrite, doubt: HoldfastError): Promise<Verdict> {
  try {
    return await look(attempt)
  } catch (error) {
    if (isTransient(error)) return 'again'
    throw doubt
  }
}

type Verdict = Written | undefined | 'doubtful' | 'again'

async function look({ write, fetch, json, version, isOwnId }: ConditionalWrite): Promise<Verdict> {
  const written = await write()
  if (written !== undefined) return written
  const current = await fetch()
  if (current === undefined) return 'doubtful'
  if (isOwnId) return current.version === version ? current : { ...current, version, updatedAt: current.createdAt }
  const isAnothers = current.version === version && !isDeepStrictEqual(decodeJson(current.json), decodeJson(json))
  return isAnothers ? undefined : 'doubtful'
}
