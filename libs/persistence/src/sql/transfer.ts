import type {
  After,
  DeclaredCollection,
  DocumentRow,
  EntryRow,
  PutOutcome,
  StreamRow,
  TransferOperations,
  TransferSource,
} from '../transfer/seam.js'
import { SqlBlobs } from './blobs.js'
import { declarationIn } from './collection-ddl.js'
import type { SqlCell, SqlConnection, SqlDriver, SqlRow, SqlValue } from './driver.js'
import { escapeForJsonb, unescapeFromJsonb } from './json-text.js'
import { int8Array, textArray } from './parameters.js'
import { serverKindOf } from './server-kind.js'
import * as texts from './transfer-statements.js'

/** Exports and imports as SQL. Statements are not kept prepared: they are few and long. */
export class SqlTransfer implements TransferOperations {
  readonly #driver: SqlDriver
  /** Records changes for feeds. */
  readonly #connection: SqlConnection

  constructor(driver: SqlDriver, connection: SqlConnection) {
    this.#driver = driver
    this.#connection = connection
  }

  snapshot<R>(work: (source: TransferSource) => Promise<R>): Promise<R> {
    return this.#driver.snapshot((connection) => work(new SqlSource(connection)))
  }

  async putDocuments(collection: string, rows: readonly DocumentRow[], replace: boolean): Promise<PutOutcome[]> {
    const outcomes = new Map<DocumentRow, PutOutcome>(rows.map((row) => [row, replace ? 'same' : 'other']))
    const rest = new Map(rows.map((row) => [nameOf(row.tenant, row.id), row]))
    const write = async (part: readonly DocumentRow[], op: 'write' | 'delete'): Promise<void> => {
      if (part.length === 0) return
      const written = await this.#connection.query({
        text: texts.putDocumentsText(collection, replace),
        values: documentValues(part),
        records: { collection, op },
      })
      for (const [tenant, id] of written) {
        const name = nameOf(String(tenant), String(id))
        const row = rest.get(name)
        if (row !== undefined) outcomes.set(row, 'written')
        rest.delete(name)
      }
    }
    await write(
      rows.filter(({ removedAt }) => removedAt === undefined),
      'write',
    )
    await write(
      rows.filter(({ removedAt }) => removedAt !== undefined),
      'delete',
    )
    if (rest.size > 0 && !replace) {
      const there = [...rest.values()]
      const same = await this.#connection.query({
        text: texts.sameDocumentsText(collection),
        values: documentValues(there),
        readOnly: true,
      })
      for (const [place] of same) {
        const row = there[Number(place) - 1]
        if (row !== undefined) outcomes.set(row, 'same')
      }
    }
    return rows.map((row) => outcomes.get(row) ?? 'other')
  }

  async compareStreams(log: string, rows: readonly StreamRow[]): Promise<('absent' | 'same' | 'other')[]> {
    const found = await this.#connection.query({
      text: texts.compareStreamsText(log),
      values: streamValues(rows),
      readOnly: true,
    })
    const states = rows.map((): 'absent' | 'same' | 'other' => 'absent')
    for (const [place, same] of found) states[Number(place) - 1] = same === true ? 'same' : 'other'
    return states
  }

  async putEntries(log: string, rows: readonly EntryRow[]): Promise<void> {
    await this.#connection.query({
      text: texts.putEntriesText(log),
      values: [
        textArray(rows.map(({ tenant }) => tenant)),
        textArray(rows.map(({ stream }) => stream)),
        int8Array(rows.map(({ seq }) => seq)),
        textArray(rows.map(({ key }) => key ?? null)),
        textArray(rows.map(({ at }) => timeText(at))),
        textArray(rows.map(({ digest }) => digest ?? null)),
        textArray(rows.map(({ json }) => escapeForJsonb(json))),
      ],
    })
  }

  async putStreams(log: string, rows: readonly StreamRow[]): Promise<void> {
    await this.#connection.query({ text: texts.putStreamsText(log), values: streamValues(rows) })
  }

  async removeDocuments(collection: string, rows: readonly Pick<DocumentRow, 'tenant' | 'id'>[]): Promise<void> {
    const values = [textArray(rows.map(({ tenant }) => tenant)), textArray(rows.map(({ id }) => id))]
    await this.#driver.query({ text: texts.removeDocumentsText(collection), values })
  }

  async removeEntries(log: string, rows: readonly Pick<EntryRow, 'tenant' | 'stream' | 'seq'>[]): Promise<void> {
    const values = [
      textArray(rows.map(({ tenant }) => tenant)),
      textArray(rows.map(({ stream }) => stream)),
      int8Array(rows.map(({ seq }) => seq)),
    ]
    await this.#driver.query({ text: texts.removeEntriesText(log), values })
  }

  async removeStreams(log: string, rows: readonly Pick<StreamRow, 'tenant' | 'stream'>[]): Promise<void> {
    const values = [textArray(rows.map(({ tenant }) => tenant)), textArray(rows.map(({ stream }) => stream))]
    await this.#driver.query({ text: texts.removeStreamsText(log), values })
  }

  async canFence(): Promise<boolean> {
    const [row] = await this.#driver.query({ text: 'select version()', values: [], readOnly: true })
    return serverKindOf(String(row?.[0])) === 'postgresql'
  }

  fence(on: boolean): Promise<void> {
    return this.#driver.script(on ? texts.fenceScript : texts.unfenceScript)
  }
}

class SqlSource implements TransferSource {
  readonly blobs: SqlBlobs
  readonly #connection: SqlConnection

  constructor(connection: SqlConnection) {
    this.#connection = connection
    this.blobs = new SqlBlobs(connection)
  }

  async collections(): Promise<DeclaredCollection[]> {
    const rows = await this.#relations('collection')
    return rows.map(([name, definition]) => ({ name: String(name), ...declarationIn(String(definition)) }))
  }

  async logs(): Promise<string[]> {
    return (await this.#relations('log')).map(([name]) => String(name))
  }

  async documents(collection: string, tenant: string | undefined, after: After<'id'>): Promise<DocumentRow[]> {
    const text = texts.documentsText(collection, tenant !== undefined)
    const rows = await this.#read(text, [tenant ?? after?.tenant ?? '', after?.id ?? ''])
    return rows.map(([of, id, version, createdAt, updatedAt, expiresAt, removedAt, data]) => ({
      tenant: String(of),
      id: String(id),
      version: Number(version),
      createdAt: Number(createdAt),
      updatedAt: Number(updatedAt),
      expiresAt: numberOf(expiresAt),
      removedAt: numberOf(removedAt),
      json: typeof data === 'string' ? unescapeFromJsonb(data) : undefined,
    }))
  }

  async streams(log: string, tenant: string | undefined, after: After<'stream'>): Promise<StreamRow[]> {
    const text = texts.streamsText(log, tenant !== undefined)
    const rows = await this.#read(text, [tenant ?? after?.tenant ?? '', after?.stream ?? ''])
    return rows.map(([of, stream, head, first, at, parent, base, removedAt]) => ({
      tenant: String(of),
      stream: String(stream),
      head: Number(head),
      first: Math.max(1, Number(first)),
      at: numberOf(at),
      past: typeof parent === 'string' ? { parent, base: Number(base) } : undefined,
      removedAt: numberOf(removedAt),
    }))
  }

  async entries(
    log: string,
    tenant: string | undefined,
    after: { readonly tenant: string; readonly stream: string; readonly seq: number } | undefined,
  ): Promise<EntryRow[]> {
    const text = texts.entriesText(log, tenant !== undefined)
    const values = [tenant ?? after?.tenant ?? '', after?.stream ?? '', after?.seq ?? 0]
    return (await this.#read(text, values)).map(([of, stream, seq, key, at, digest, data]) => ({
      tenant: String(of),
      stream: String(stream),
      seq: Number(seq),
      key: textOf(key),
      at: Number(at),
      digest: textOf(digest),
      json: unescapeFromJsonb(String(data)),
    }))
  }

  #relations(kind: string): Promise<SqlRow[]> {
    const text = 'select name, definition from holdfast.relations where kind = $1::text order by name'
    return this.#read(text, [kind])
  }

  #read(text: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#connection.query({ text, values, readOnly: true })
  }
}

function documentValues(rows: readonly DocumentRow[]): SqlValue[] {
  return [
    textArray(rows.map(({ tenant }) => tenant)),
    textArray(rows.map(({ id }) => id)),
    int8Array(rows.map(({ version }) => version)),
    textArray(rows.map(({ createdAt }) => timeText(createdAt))),
    textArray(rows.map(({ updatedAt }) => timeText(updatedAt))),
    textArray(rows.map(({ expiresAt }) => timeText(expiresAt))),
    textArray(rows.map(({ removedAt }) => timeText(removedAt))),
    textArray(rows.map(({ json }) => (json === undefined ? null : escapeForJsonb(json)))),
  ]
}

function streamValues(rows: readonly StreamRow[]): SqlValue[] {
  return [
    textArray(rows.map(({ tenant }) => tenant)),
    textArray(rows.map(({ stream }) => stream)),
    int8Array(rows.map(({ head }) => head)),
    int8Array(rows.map(({ first }) => first)),
    textArray(rows.map(({ at }) => timeText(at))),
    textArray(rows.map(({ past }) => past?.parent ?? null)),
    int8Array(rows.map(({ past }) => past?.base ?? null)),
    textArray(rows.map(({ removedAt }) => timeText(removedAt))),
  ]
}

function timeText(milliseconds: number): string
function timeText(milliseconds: number | undefined): string | null
function timeText(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : new Date(milliseconds).toISOString()
}

const numberOf = (cell: SqlCell | undefined): number | undefined => (typeof cell === 'number' ? cell : undefined)
const textOf = (cell: SqlCell | undefined): string | undefined => (typeof cell === 'string' ? cell : undefined)
const nameOf = (tenant: string, id: string): string => `${tenant}\0${id}`
