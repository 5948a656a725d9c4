import { isDeepStrictEqual } from 'node:util'
import type { DocumentStore } from '@holdfast/persistence'
import type { SqlDriver } from '@holdfast/persistence/sql'
import { openSessionStore } from '@holdfast/session'
import type { Ledger } from './client-process.js'
import { oldWrite } from './old-service.js'
import { type Kind, type Told, valueAt } from './told.js'

export interface Compared {
  /** Acknowledged writes that are not there, and no later one either. */
  lost: number
  /** Deleted, and there. */
  resurrected: number
  /** Keys that the two stores have other values for. */
  different: number
  /** Rows of the old table with another text than the old service would have written. */
  bytes_differ: number
  /** Values in the old Redis that are not those of the table. */
  redis_differ: number
}

interface RedisReader {
  keys(pattern: string): Promise<string[]>
  mGet(keys: string[]): Promise<(string | null)[]>
}

/** Compares what is stored with what was acknowledged, while nobody writes. */
export async function compare(
  legacy: SqlDriver,
  store: DocumentStore,
  redis: RedisReader,
  told: readonly Told[],
  ledger: Ledger,
  sides: { readonly legacy: boolean; readonly documents: boolean },
  report: (line: string) => void,
): Promise<Compared> {
  const found: Compared = { lost: 0, resurrected: 0, different: 0, bytes_differ: 0, redis_differ: 0 }
  const rows = await legacy.query({ text: 'select key, value::text from sessions', values: [] })
  const texts = new Map(rows.map(([key, text]) => [String(key), String(text)]))
  const sessions = await openSessionStore({ store })
  const keys = await sessions.listKeys()
  const documents = new Map(await Promise.all(keys.map(async (key) => [key, await sessions.read(key)] as const)))
  await legacy.script('drop table if exists reference; create table reference (like sessions including all)')
  const expected: { key: string; value: object; text: string | undefined }[] = []
  for (const one of told) {
    for (const kind of ['context', 'state', 'metadata'] as Kind[]) {
      const key = `session:${one.id}:${kind}`
      const inTable = texts.get(key)
      const values = [
        ...(sides.legacy ? [inTable === undefined ? undefined : (JSON.parse(inTable) as object)] : []),
        ...(sides.documents ? [documents.get(key) as object | undefined] : []),
      ]
      const known = ledger.expected.get(key) ?? { turn: 0, exists: true }
      const doubtful = ledger.doubtful.get(key)
      const isAt = ({ turn, exists }: typeof known, value: object | undefined): boolean =>
        exists ? isDeepStrictEqual(value, valueAt(one, kind, turn)) : value === undefined
      const at = [known, ...(doubtful === undefined ? [] : [doubtful])].find((one_) => isAt(one_, values[0]))
      if (at === undefined) {
        if (!known.exists && values[0] !== undefined) found.resurrected += 1
        else found.lost += 1
        report(`not as acknowledged: ${key} ${JSON.stringify(known)} ${JSON.stringify(values[0])?.slice(0, 200)}`)
        continue
      }
      if (!values.every((value) => isAt(at, value))) {
        found.different += 1
        report(
          `different: ${key} ${JSON.stringify(at)} ${values.map((value) => JSON.stringify(value)?.slice(0, 120)).join(' | ')}`,
        )
      }
      ledger.expected.set(key, at)
      ledger.doubtful.delete(key)
      if (at.exists && sides.legacy) expected.push({ key, value: valueAt(one, kind, at.turn), text: inTable })
    }
  }
  for (const { key, value } of expected) await oldWrite(legacy, undefined, 'reference', key, value)
  const reference = await legacy.query({
    text: `select r.key from reference r left join sessions s on s.key = r.key where s.value::text is distinct from r.value::text`,
    values: [],
  })
  found.bytes_differ += reference.length
  for (const [key] of reference.slice(0, 3)) report(`not the old text: ${String(key)}`)
  if (sides.legacy) {
    const inRedis = await redis.keys('session:*')
    for (let start = 0; start < inRedis.length; start += 500) {
      const page = inRedis.slice(start, start + 500)
      for (const [index, text] of (await redis.mGet(page)).entries()) {
        const inTable = texts.get(page[index] ?? '')
        if (text === null) continue
        const isSame = inTable !== undefined && isDeepStrictEqual(JSON.parse(text), JSON.parse(inTable))
        if (isSame) continue
        found.redis_differ += 1
        report(`in the old Redis only: ${page[index]} ${text.slice(0, 120)}`)
      }
    }
  }
  return found
}
