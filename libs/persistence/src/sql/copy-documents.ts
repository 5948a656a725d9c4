import type { InsertRow } from '../backend.js'
import type { SqlConnection } from './driver.js'
import { escapeForJsonb } from './json-text.js'
import { collectionTable } from './names.js'

/** New documents by COPY in its binary format (https://www.postgresql.org/docs/current/sql-copy.html), all or none.
 *  @returns `false`: this connection has no COPY (one inside a transaction), or a feed has to hear of them. @throws ALREADY_EXISTS if one of the ids is taken */
export async function copyDocuments(
  connection: SqlConnection,
  collection: string,
  rows: readonly InsertRow[],
): Promise<boolean> {
  if (connection.copyIn === undefined || connection.isRecorded?.(collection) === true) return false
  const [now] = await connection.query({
    name: 'now',
    text: 'select clock_timestamp()::timestamptz(3)',
    values: [],
    readOnly: true,
  })
  const columns = 'tenant, id, version, created_at, updated_at, expires_at, data'
  await connection.copyIn(
    `copy ${collectionTable(collection)} (${columns}) from stdin with (format binary)`,
    copyData(rows, Number(now?.[0])),
  )
  return true
}

const chunkBytes = 256 * 1024

/** Row by row into buffers of a fixed size: no value is copied twice, and none is escaped but for what JSONB refuses. */
function* copyData(rows: readonly InsertRow[], at: number): Generator<Buffer> {
  let buffer = Buffer.allocUnsafe(chunkBytes)
  let end = signature.copy(buffer)
  for (const { tenant, id, json, bump = 1, ttlMs } of rows) {
    const text = escapeForJsonb(json)
    // A UTF-16 unit is at most 3 bytes of UTF-8.
    const most = 128 + 3 * (tenant.length + id.length + text.length)
    if (end + most > buffer.length) {
      if (end > 0) yield buffer.subarray(0, end)
      buffer = Buffer.allocUnsafe(Math.max(chunkBytes, most))
      end = 0
    }
    end = buffer.writeInt16BE(7, end)
    end = writeText(buffer, end, tenant)
    end = writeText(buffer, end, id)
    end = writeInt8(buffer, end, bump)
    end = writeTimestamp(buffer, end, at)
    end = writeTimestamp(buffer, end, at)
    end = ttlMs === undefined || ttlMs === null ? buffer.writeInt32BE(-1, end) : writeTimestamp(buffer, end, at + ttlMs)
    // jsonb's binary format is a version, 1, and the text.
    const start = end + 5
    const bytes = buffer.write(text, start)
    buffer.writeInt32BE(bytes + 1, end)
    buffer[end + 4] = 1
    end = start + bytes
  }
  if (end + 2 > buffer.length) {
    yield buffer.subarray(0, end)
    end = 0
  }
  end = buffer.writeInt16BE(-1, end)
  yield buffer.subarray(0, end)
}

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')

function writeText(buffer: Buffer, at: number, text: string): number {
  const bytes = buffer.write(text, at + 4)
  buffer.writeInt32BE(bytes, at)
  return at + 4 + bytes
}

function writeInt8(buffer: Buffer, at: number, value: number): number {
  return buffer.writeBigInt64BE(BigInt(value), buffer.writeInt32BE(8, at))
}

const milliseconds2000 = Date.UTC(2000, 0, 1)

/** Microseconds since 2000 (timestamptz_send). */
function writeTimestamp(buffer: Buffer, at: number, milliseconds: number): number {
  const start = buffer.writeInt32BE(8, at)
  const micros = (milliseconds - milliseconds2000) * 1_000
  return buffer.writeUInt32BE(micros >>> 0, buffer.writeInt32BE(Math.floor(micros / 0x1_0000_0000), start))
}
