import { HoldfastError } from '@holdfast/errors'
import {
  Coalescer,
  int8Array,
  openPostgresDriver,
  type SqlDriver,
  type SqlRow,
  type Statement,
  textArray,
} from '@holdfast/persistence/sql'
import { stale } from './documents-backend.js'
import {
  adoptRows,
  behindRows,
  caughtUpRows,
  copyRows,
  forgetTombstones,
  listKeys,
  raiseRow,
  readRows,
  removeRows,
  sweepRows,
  writeRows,
} from './direct-backend-statements.js'
import { type LegacyRedis, openLegacyRedis } from './direct-backend-redis.js'
import { prepareTables } from './direct-backend-tables.js'
import { type LegacyText, legacyText } from './direct-backend-text.js'
import type { SessionBackend, SessionRow, SessionWrite } from './session-backend.js'

export interface DirectBackendOptions {
  /** Connections at the same time; default 10. */
  readonly maxConnections?: number
  /** The Redis of the old service, so that it finds there what it would have written; default: it has none. */
  readonly redis?: string
  /** Between two sweeps of what has expired, give or take half, in milliseconds; default 60,000; 0: none. */
  readonly sweepIntervalMs?: number
}

/** The phase that a call belongs to has ended: nothing was written. */
export const phaseOver = 'PHASE_OVER'

/** How long a deleted key remembers its version, as in the documents backend. */
const tombstoneMs = 24 * 60 * 60 * 1000
/** Between two looks at what others write. */
const maxLooks = 10
const sweepAtOnce = 500

interface WriteCall {
  readonly write: SessionWrite
  readonly epoch: number | undefined
}

interface RemoveCall {
  readonly key: string
  readonly epoch: number | undefined
}

interface CopyCall extends RemoveCall {
  readonly row: SessionRow
}

type Condition = 'any' | 'absent' | 'version'

/** @param url of the database that has, or will have, the legacy table */
export async function openDirectBackend(url: string, options: DirectBackendOptions = {}): Promise<DirectBackend> {
  const driver = await openPostgresDriver(url, {
    applicationName: 'holdfast-sessions',
    ...(options.maxConnections === undefined ? {} : { maxConnections: options.maxConnections }),
  })
  try {
    await prepareTables(driver)
    const redis = options.redis === undefined ? undefined : await openLegacyRedis(options.redis)
    return new DirectBackend(driver, redis, options.sweepIntervalMs ?? 60_000)
  } catch (error) {
    await driver.close()
    throw error
  }
}

/** The table of the store that came before, so that the old service and this one find what the other wrote. Versions, lifetimes and what JSONB cannot
 *  hold stand in a table beside it, written by the same statement: docs/decisions/0021-versions-beside-the-legacy-table.md. */
export class DirectBackend implements SessionBackend {
  readonly kind = 'direct'
  readonly driver: SqlDriver
  readonly redis: LegacyRedis | undefined
  readonly #reads: Coalescer<string, SqlRow>
  readonly #writes: Readonly<Record<Condition, Coalescer<WriteCall, SessionRow | undefined>>>
  readonly #removes: Coalescer<RemoveCall, number | undefined>
  readonly #copies: Coalescer<CopyCall, boolean>
  #sweeps: NodeJS.Timeout | undefined

  constructor(driver: SqlDriver, redis: LegacyRedis | undefined, sweepIntervalMs: number) {
    this.driver = driver
    this.redis = redis
    redis?.connection.onReturn(() => void this.catchUp().catch(() => undefined))
    this.#reads = new Coalescer({ run: (keys) => this.#readTogether(keys) })
    const writes = (condition: Condition) =>
      new Coalescer<WriteCall, SessionRow | undefined>({
        run: (calls) => this.#writeTogether(condition, calls),
        gatekeeper: () => oncePerKey(({ write, epoch }: WriteCall) => ({ key: write.key, epoch })),
        weigh: ({ write }) => write.json.length,
      })
    this.#writes = { any: writes('any'), absent: writes('absent'), version: writes('version') }
    this.#removes = new Coalescer({
      run: (calls) => this.#removeTogether(calls),
      gatekeeper: () => oncePerKey((call: RemoveCall) => call),
    })
    this.#copies = new Coalescer({
      run: (calls) => this.#copyTogether(calls),
      gatekeeper: () => oncePerKey((call: CopyCall) => call),
      weigh: ({ row }) => row.json?.length ?? 0,
    })
    if (sweepIntervalMs > 0) this.#sweepEvery(sweepIntervalMs)
  }

  async read(key: string): Promise<SessionRow> {
    for (let look = 0; look < maxLooks; look += 1) {
      const row = await this.#reads.submit(key)
      if (row[isKnown] === true) return rowOf(row)
      // Written or deleted by somebody who knows nothing of versions.
      await this.driver.query({
        name: 'legacy-adopt',
        text: adoptRows,
        values: [textArray([key]), int8Array([Number(row[version])])],
      })
    }
    throw unsteady(key)
  }

  /** @param epoch of the phase under which it is written; without one nobody migrates
   *  @throws ABORTED with reason PHASE_OVER if the phase has changed */
  async write(write: SessionWrite, epoch?: number): Promise<SessionRow> {
    const { key, ifVersion } = write
    const condition = ifVersion === undefined ? 'any' : ifVersion === 0 ? 'absent' : 'version'
    for (let look = 0; look < maxLooks; look += 1) {
      const written = await this.#writes[condition].submit({ write, epoch })
      if (written !== undefined) return written
      const there = await this.read(key)
      const actual = there.json === undefined ? 0 : there.version
      // Equal: it was written by others before this store had seen it, and has its version only now.
      if (ifVersion !== undefined && actual !== ifVersion) throw stale(key, there.version, ifVersion)
    }
    throw unsteady(key)
  }

  async remove(key: string, epoch?: number): Promise<{ readonly version: number; readonly existed: boolean }> {
    for (let look = 0; look < maxLooks; look += 1) {
      const removed = await this.#removes.submit({ key, epoch })
      if (removed !== undefined) return { version: Math.abs(removed), existed: removed > 0 }
      const there = await this.read(key)
      // Else it came after the delete had looked.
      if (there.json === undefined) return { version: there.version, existed: false }
    }
    throw unsteady(key)
  }

  /** What is there, and whether its version is that of the value; nothing is adopted. */
  async look(key: string): Promise<{ readonly row: SessionRow; readonly isKnown: boolean }> {
    const row = await this.#reads.submit(key)
    return { row: rowOf(row), isKnown: row[isKnown] === true }
  }

  /** Puts in a copy with its version. @returns whether it is there now; not: this version or a newer one was there already */
  copy(key: string, row: SessionRow, epoch?: number): Promise<boolean> {
    return this.#copies.submit({ key, row, epoch })
  }

  /** Gives a value, or the lack of one, a higher version. @returns whether it still had the one that was read */
  async raise(key: string, from: number, to: number): Promise<boolean> {
    return (await this.driver.query({ text: raiseRow, values: [key, from, to] })).length > 0
  }

  async keys(after: string | undefined, limit: number): Promise<string[]> {
    const values = [after ?? '', limit]
    const rows = await this.driver.query({ name: 'legacy-keys', text: listKeys, values, readOnly: true })
    return rows.map(([key]) => String(key))
  }

  /** Deletes what has expired, and forgets what was deleted long ago. @returns how many values went */
  async sweep(epoch?: number): Promise<number> {
    let swept = 0
    for (;;) {
      const text = sweepRows(epoch !== undefined)
      const values = epoch === undefined ? [sweepAtOnce] : [sweepAtOnce, epoch]
      const gone = await this.driver.query({ text, values })
      const keys = gone.map(([key]) => String(key))
      const token = await this.redis?.begin(keys)
      if (token !== undefined) {
        this.redis?.end(
          token,
          keys.map((key) => [key, undefined]),
        )
      }
      swept += gone.length
      if (gone.length < sweepAtOnce) break
    }
    await this.driver.query({ text: forgetTombstones, values: [tombstoneMs] })
    await this.catchUp()
    return swept
  }

  /** Takes out of the legacy Redis what was written while it was away. */
  async catchUp(): Promise<void> {
    const { redis } = this
    if (redis === undefined) return
    for (;;) {
      const rows = await this.driver.query({ text: behindRows, values: [sweepAtOnce], readOnly: true })
      const keys = rows.map(([key]) => String(key))
      if (keys.length === 0 || (await redis.begin(keys)) === undefined) return
      const versions = int8Array(rows.map(([, written]) => Number(written)))
      await this.driver.query({ text: caughtUpRows, values: [textArray(keys), versions] })
    }
  }

  async ping(): Promise<number> {
    return (await this.driver.health()).latencyMs
  }

  async close(): Promise<void> {
    clearTimeout(this.#sweeps)
    await Promise.all(
      [...Object.values(this.#writes), this.#removes, this.#copies, this.#reads].map((lane) => lane.drain()),
    )
    await this.redis?.close()
    await this.driver.close()
  }

  /** @param run gets whether the legacy Redis is behind after it, and answers which of the keys it has written */
  async #withRedis<R>(
    entries: readonly (readonly [key: string, text: string | undefined])[],
    run: (isBehind: boolean) => Promise<{ readonly answer: R; readonly written: (key: string) => boolean }>,
  ): Promise<R> {
    const { redis } = this
    if (redis === undefined) return (await run(false)).answer
    const token = await redis.begin(entries.map(([key]) => key))
    const { answer, written } = await run(token === undefined)
    if (token !== undefined) {
      redis.end(
        token,
        entries.map(([key, text]) => [key, written(key) ? text : undefined]),
      )
    }
    return answer
  }

  async #readTogether(keys: readonly string[]): Promise<SqlRow[]> {
    const distinct = [...new Set(keys)]
    const values = [textArray(distinct)]
    const rows = await this.driver.query({ name: 'legacy-read', text: readRows, values, readOnly: true })
    const byKey = new Map(rows.map(([place, ...row]) => [distinct[Number(place) - 1], row]))
    return keys.map((key) => byKey.get(key) ?? [])
  }

  #writeTogether(condition: Condition, calls: readonly WriteCall[]): Promise<(SessionRow | undefined)[]> {
    const texts = calls.map(({ write }) => legacyText(write.key, write.json))
    return this.#withRedis(
      calls.map(({ write }, index) => [write.key, texts[index]?.text]),
      async (isBehind) => {
        const answer = await this.#writeRows(condition, calls, texts, isBehind)
        const written = new Set(calls.filter((_, index) => answer[index] !== undefined).map(({ write }) => write.key))
        return { answer, written: (key) => written.has(key) }
      },
    )
  }

  async #writeRows(
    condition: Condition,
    calls: readonly WriteCall[],
    texts: readonly LegacyText[],
    isBehind: boolean,
  ): Promise<(SessionRow | undefined)[]> {
    const epoch = calls[0]?.epoch
    const values = [
      textArray(calls.map(({ write }) => write.key)),
      textArray(texts.map(({ text }) => text)),
      int8Array(calls.map(({ write }) => write.ttlMs ?? null)),
      textArray(texts.map(({ exact }) => exact ?? null)),
      int8Array(calls.map(({ write }) => write.ifVersion ?? null)),
      isBehind,
    ]
    const rows = await this.driver.query({
      name: `legacy-write-${condition}${epoch === undefined ? '' : '-fenced'}`,
      text: writeRows(condition, epoch !== undefined),
      values: epoch === undefined ? values : [...values, epoch],
    })
    if (rows[0]?.[0] !== true) throw overPhase()
    const byKey = new Map(rows.map(([, key, ...row]) => [key, row]))
    return calls.map(({ write }) => {
      const row = byKey.get(write.key)
      if (row === undefined) return undefined
      const [written, createdAt, updatedAt, expiresAt] = row
      return {
        version: Number(written),
        json: write.json,
        createdAt: Number(createdAt ?? updatedAt),
        updatedAt: Number(updatedAt),
        expiresAt: expiresAt === null ? undefined : Number(expiresAt),
      }
    })
  }

  /** The version of each deletion, negative if the value had expired before. */
  #removeTogether(calls: readonly RemoveCall[]): Promise<(number | undefined)[]> {
    return this.#withRedis(
      calls.map(({ key }) => [key, undefined]),
      async (isBehind) => ({ answer: await this.#removeRows(calls, isBehind), written: () => true }),
    )
  }

  async #removeRows(calls: readonly RemoveCall[], isBehind: boolean): Promise<(number | undefined)[]> {
    const epoch = calls[0]?.epoch
    const values = [textArray(calls.map(({ key }) => key)), isBehind]
    const rows = await this.driver.query({
      name: `legacy-remove${epoch === undefined ? '' : '-fenced'}`,
      text: removeRows(epoch !== undefined),
      values: epoch === undefined ? values : [...values, epoch],
    })
    if (rows[0]?.[0] !== true) throw overPhase()
    const byKey = new Map(
      rows.map(([, key, removed, hadExpired]) => [key, Number(removed) * (hadExpired === true ? -1 : 1)]),
    )
    return calls.map(({ key }) => byKey.get(key))
  }

  #copyTogether(calls: readonly CopyCall[]): Promise<boolean[]> {
    const texts = calls.map(({ key, row }) => (row.json === undefined ? undefined : legacyText(key, row.json)))
    return this.#withRedis(
      calls.map(({ key }, index) => [key, texts[index]?.text]),
      async (isBehind) => {
        const answer = await this.#copyTexts(calls, texts, isBehind)
        const written = new Set(calls.filter((_, index) => answer[index]).map(({ key }) => key))
        return { answer, written: (key) => written.has(key) }
      },
    )
  }

  async #copyTexts(
    calls: readonly CopyCall[],
    texts: readonly (LegacyText | undefined)[],
    isBehind: boolean,
  ): Promise<boolean[]> {
    const epoch = calls[0]?.epoch
    const values = [
      textArray(calls.map(({ key }) => key)),
      textArray(texts.map((one) => one?.text ?? null)),
      int8Array(calls.map(({ row }) => Math.floor(row.createdAt))),
      int8Array(calls.map(({ row }) => (row.expiresAt === undefined ? null : Math.ceil(row.expiresAt)))),
      textArray(texts.map((one) => one?.exact ?? null)),
      int8Array(calls.map(({ row }) => row.version)),
      isBehind,
    ]
    const withTombstones = texts.includes(undefined)
    const statement: Statement = {
      name: `legacy-copy${withTombstones ? '-any' : ''}${epoch === undefined ? '' : '-fenced'}`,
      text: copyRows(epoch !== undefined, withTombstones),
      values: epoch === undefined ? values : [...values, epoch],
    }
    const rows = withTombstones
      ? await this.driver.transaction((connection) => connection.query(statement))
      : await this.driver.query(statement)
    if (rows[0]?.[0] !== true) throw overPhase()
    const copied = new Set(rows.map(([, key]) => key))
    return calls.map(({ key }) => copied.has(key))
  }

  #sweepEvery(intervalMs: number): void {
    const wait = intervalMs * (0.5 + Math.random())
    this.#sweeps = setTimeout(() => {
      // What could not be swept now is swept later; nobody sees it meanwhile.
      void this.sweep()
        .catch(() => undefined)
        .finally(() => {
          if (this.#sweeps !== undefined) this.#sweepEvery(intervalMs)
        })
    }, wait).unref()
  }
}

/** Columns of what is read. */
const json = 0
const created = 1
const updated = 2
const version = 3
const expires = 4
const exact = 5
const isKnown = 6
const isExpired = 7

export function rowOf(row: SqlRow): SessionRow {
  const isThere = typeof row[json] === 'string' && row[isExpired] !== true
  return {
    version: Number(row[version]),
    json: isThere ? String(row[exact] ?? row[json]) : undefined,
    createdAt: Number(row[created] ?? row[updated] ?? 0),
    updatedAt: Number(row[updated] ?? 0),
    expiresAt: isThere && row[expires] !== null ? Number(row[expires]) : undefined,
  }
}

/** Lets each key into a batch once, and one epoch only. */
function oncePerKey<Call>(
  of: (call: Call) => { readonly key: string; readonly epoch: number | undefined },
): (call: Call) => boolean {
  const seen = new Set<string>()
  let first: { readonly epoch: number | undefined } | undefined
  return (call) => {
    const { key, epoch } = of(call)
    first ??= { epoch }
    if (first.epoch !== epoch || seen.has(key)) {
      seen.add(key)
      return false
    }
    seen.add(key)
    return true
  }
}

function overPhase(): HoldfastError {
  return new HoldfastError('ABORTED', 'The migration has gone on to another phase: the write belongs there', {
    reason: phaseOver,
  })
}

function unsteady(key: string): HoldfastError {
  return new HoldfastError('ABORTED', `Session ${key} is written by too many at once: retry later`, {
    reason: 'CONTENTION',
  })
}
