import type { SqlCell, SqlRow } from '../sql/driver.js'
import type { ServerError } from '../sql/sqlstate.js'
import { type CellParser, cellParser } from '../postgres/cells.js'

export interface Answer {
  readonly rows: SqlRow[]
  /** Present if the server described the result. */
  readonly columns: readonly CellParser[] | undefined
  readonly error: (ServerError & { readonly code: string; readonly severity: string }) | undefined
  /** From ReadyForQuery; `false`: the server did not come to the end of the statement. */
  readonly finished: boolean
}

const code = { dataRow: 0x44, error: 0x45, readyForQuery: 0x5a, rowDescription: 0x54 }

/** Reads what the server said to one message: https://www.postgresql.org/docs/current/protocol-message-formats.html
 *  @throws OUT_OF_RANGE when a value does not fit into JavaScript */
export function readAnswer(bytes: Uint8Array, knownColumns: readonly CellParser[] | undefined): Answer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const rows: SqlRow[] = []
  let columns: readonly CellParser[] | undefined
  let error: Answer['error']
  let finished = false
  for (let at = 0; at + 5 <= buffer.length; at += 1 + buffer.readInt32BE(at + 1)) {
    switch (buffer[at]) {
      case code.dataRow: {
        rows.push(readRow(buffer, at + 5, columns ?? knownColumns ?? []))
        break
      }
      case code.rowDescription: {
        columns = readColumns(buffer, at + 5)
        break
      }
      case code.error: {
        error ??= readError(buffer, at + 5)
        break
      }
      case code.readyForQuery: {
        finished = true
        break
      }
      default: {
        break
      }
    }
  }
  return { rows, columns, error, finished }
}

function readRow(buffer: Buffer, start: number, columns: readonly CellParser[]): SqlRow {
  const count = buffer.readInt16BE(start)
  const row: SqlCell[] = []
  let at = start + 2
  for (let i = 0; i < count; i++) {
    const length = buffer.readInt32BE(at)
    at += 4
    if (length === -1) {
      row.push(null)
    } else {
      const text = buffer.toString('utf8', at, at + length)
      const parse = columns[i]
      row.push(parse === undefined ? text : parse(text))
      at += length
    }
  }
  return row
}

function readColumns(buffer: Buffer, start: number): CellParser[] {
  const count = buffer.readInt16BE(start)
  const columns: CellParser[] = []
  let at = start + 2
  for (let i = 0; i < count; i++) {
    at = buffer.indexOf(0, at) + 1
    // Table (4), column (2), type (4), size (2), modifier (4), format (2).
    columns.push(cellParser(buffer.readUInt32BE(at + 6)))
    at += 18
  }
  return columns
}

function readError(buffer: Buffer, start: number): ServerError & { readonly code: string; readonly severity: string } {
  const fields = new Map<string, string>()
  for (let at = start; buffer[at] !== 0;) {
    const end = buffer.indexOf(0, at + 1)
    fields.set(String.fromCharCode(buffer[at] ?? 0), buffer.toString('utf8', at + 1, end))
    at = end + 1
  }
  return {
    code: fields.get('C') ?? 'XX000',
    message: fields.get('M') ?? 'unknown error',
    severity: fields.get('V') ?? fields.get('S') ?? 'ERROR',
    detail: fields.get('D'),
    hint: fields.get('H'),
    constraint: fields.get('n'),
  }
}
