import { HoldfastError } from '@holdfast/errors'
import type { SqlArray, SqlValue, Statement } from '../sql/driver.js'

export interface MessageOptions {
  /** Forget what the server may hold under the statement's name. */
  readonly close: boolean
  readonly parse: boolean
  /** Ask for the columns of the result. */
  readonly describe: boolean
}

type Allocate = (bytes: number) => Buffer<ArrayBuffer>

const pooled: Allocate = (bytes) => Buffer.allocUnsafe(bytes)

/** The messages that run one statement, in one buffer: Close, Parse and Describe as asked, Bind, Execute, Sync.
 *  Source: https://www.postgresql.org/docs/current/protocol-message-formats.html */
export function statementMessage(
  statement: Statement,
  options: MessageOptions,
  allocate: Allocate = pooled,
): Buffer<ArrayBuffer> {
  const { name = '', text, values } = statement
  const nameBytes = Buffer.byteLength(name)
  const textBytes = options.parse ? Buffer.byteLength(text) : 0
  const closeBytes = options.close ? 1 + 4 + 1 + nameBytes + 1 : 0
  const parseBytes = options.parse ? 1 + 4 + nameBytes + 1 + textBytes + 1 + 2 : 0
  const sizes: number[] = []
  let valueBytes = 0
  for (const value of values) valueBytes += 4 + measure(value, sizes)
  const bindBytes = 1 + 4 + 1 + nameBytes + 1 + 2 + 2 * values.length + 2 + valueBytes + 2
  const totalBytes =
    closeBytes + parseBytes + bindBytes + (options.describe ? describePortal.length : 0) + execute.length + sync.length
  if (totalBytes > maxMessageBytes) {
    throw new HoldfastError(
      'INVALID_ARGUMENT',
      `A statement of ${totalBytes} bytes is more than the database takes: write less at once`,
    )
  }
  const message = allocate(totalBytes)
  let at = 0
  if (options.close) {
    message[at] = 0x43
    at = message.writeInt32BE(closeBytes - 1, at + 1)
    message[at++] = 0x53
    at += message.write(name, at)
    message[at++] = 0
  }
  if (options.parse) {
    message[at] = 0x50
    at = message.writeInt32BE(parseBytes - 1, at + 1)
    at += message.write(name, at)
    message[at++] = 0
    at += message.write(text, at)
    message[at++] = 0
    at = message.writeInt16BE(0, at)
  }
  message[at] = 0x42
  at = message.writeInt32BE(bindBytes - 1, at + 1)
  message[at++] = 0
  at += message.write(name, at)
  message[at++] = 0
  at = message.writeInt16BE(values.length, at)
  for (const value of values) at = message.writeInt16BE(typeof value === 'object' && value !== null ? 1 : 0, at)
  at = message.writeInt16BE(values.length, at)
  const taken = { size: 0 }
  for (const value of values) at = write(message, at, value, sizes, taken)
  at = message.writeInt16BE(0, at)
  if (options.describe) at += describePortal.copy(message, at)
  at += execute.copy(message, at)
  sync.copy(message, at)
  return message
}

/** What says to the policies for which tenants the next statement is, up to the end of the transaction. Without a Sync: it is one transaction with that
 *  statement, and one round trip. @param isNew whether the server may not know it yet */
export function wallMessage(tenants: string, isNew: boolean): Buffer {
  const whole = statementMessage({ ...wall, values: [tenants] }, { close: isNew, parse: isNew, describe: false })
  return whole.subarray(0, whole.length - sync.length)
}

/** What begins a transaction, likewise without a Sync; the server parses it each time, which is nothing. */
export function openingMessage({ text }: Statement): Buffer {
  const whole = statementMessage({ text, values: [] }, { close: false, parse: true, describe: false })
  return whole.subarray(0, whole.length - sync.length)
}

const wall = { name: 'holdfast_tenants', text: `select set_config('holdfast.tenants', $1::text, true)` }

/** One simple query, of one or more statements without parameters. */
export function queryMessage(text: string, allocate: Allocate = pooled): Buffer<ArrayBuffer> {
  const bytes = Buffer.byteLength(text)
  const message = allocate(1 + 4 + bytes + 1)
  message[0] = 0x51
  message.writeInt32BE(4 + bytes + 1, 1)
  message.write(text, 5)
  message[5 + bytes] = 0
  return message
}

/** One COPY … FROM STDIN with all of its data. */
export function copyMessage(
  text: string,
  chunks: readonly Uint8Array[],
  allocate: Allocate = pooled,
): Buffer<ArrayBuffer> {
  const query = queryMessage(text)
  const dataBytes = chunks.reduce((sum, chunk) => sum + 5 + chunk.length, 0)
  const message = allocate(query.length + dataBytes + copyDone.length)
  let at = query.copy(message)
  for (const chunk of chunks) {
    at = writeCopyHeader(message, at, chunk)
    message.set(chunk, at)
    at += chunk.length
  }
  copyDone.copy(message, at)
  return message
}

/** What stands before the bytes of a CopyData message. */
export function writeCopyHeader(message: Buffer, at: number, chunk: Uint8Array): number {
  message[at] = 0x64
  return message.writeInt32BE(4 + chunk.length, at + 1)
}

export const copyDone: Buffer = Buffer.from([0x63, 0, 0, 0, 4])
export const copyFail: Buffer = Buffer.from([0x66, 0, 0, 0, 5, 0])

const describePortal = Buffer.from([0x44, 0, 0, 0, 6, 0x50, 0])
const execute = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0])
const sync = Buffer.from([0x53, 0, 0, 0, 4])

/** PostgreSQL allocates at most 1 GB at once (MaxAllocSize). */
const maxMessageBytes = 0x3fff_ff00

const elementOid = { text: 25, int8: 20, bool: 16, bytea: 17 } as const

/** Bytes of a value without its length. The sizes of strings are pushed in the order in which `write` needs them, because
 *  counting UTF-8 bytes costs as much as writing them. */
function measure(value: SqlValue, sizes: number[]): number {
  if (value === null) return 0
  switch (typeof value) {
    case 'string': {
      const bytes = Buffer.byteLength(value)
      sizes.push(bytes)
      return bytes
    }
    case 'number': {
      return String(value).length
    }
    case 'boolean': {
      return 1
    }
    default: {
      return value instanceof Uint8Array ? value.byteLength : measureArray(value, sizes)
    }
  }
}

function measureArray(array: SqlArray, sizes: number[]): number {
  let bytes = array.items.length === 0 ? 12 : 20
  if (array.type === 'text') {
    for (const item of array.items) {
      if (item === null) {
        bytes += 4
      } else {
        const size = Buffer.byteLength(item)
        sizes.push(size)
        bytes += 4 + size
      }
    }
    return bytes
  }
  if (array.type === 'bytea') {
    for (const item of array.items) bytes += 4 + (item?.byteLength ?? 0)
    return bytes
  }
  const size = array.type === 'int8' ? 8 : 1
  for (const item of array.items) bytes += item === null ? 4 : 4 + size
  return bytes
}

function write(
  message: Buffer,
  at: number,
  value: SqlValue,
  sizes: readonly number[],
  taken: { size: number },
): number {
  if (value === null) return message.writeInt32BE(-1, at)
  switch (typeof value) {
    case 'string': {
      return writeText(message, at, value, sizes[taken.size++] ?? 0)
    }
    case 'number': {
      const text = String(value)
      return writeText(message, at, text, text.length)
    }
    case 'boolean': {
      return writeText(message, at, value ? 't' : 'f', 1)
    }
    default: {
      if (!(value instanceof Uint8Array)) return writeArray(message, at, value, sizes, taken)
      const start = message.writeInt32BE(value.byteLength, at)
      message.set(value, start)
      return start + value.byteLength
    }
  }
}

function writeText(message: Buffer, at: number, text: string, bytes: number): number {
  const start = message.writeInt32BE(bytes, at)
  // A text of as many bytes as characters is ASCII, which needs no conversion.
  message.write(text, start, bytes === text.length ? 'latin1' : 'utf8')
  return start + bytes
}

/** An array in binary format, which the server need not parse: dimensions, whether there are nulls, element type, then length
 *  and lower bound of the dimension, then the elements (array_send in src/backend/utils/adt/arrayfuncs.c). Measured
 *  with 64 texts of 1 KB of JSON: 22 µs for the whole message, against 85 µs in the text format of `pg`, which escapes quotes. */
function writeArray(
  message: Buffer,
  at: number,
  array: SqlArray,
  sizes: readonly number[],
  taken: { size: number },
): number {
  const { items, type } = array
  const lengthAt = at
  let to = message.writeInt32BE(items.length === 0 ? 0 : 1, at + 4)
  to = message.writeInt32BE(1, to)
  to = message.writeInt32BE(elementOid[type], to)
  if (items.length > 0) {
    to = message.writeInt32BE(items.length, to)
    to = message.writeInt32BE(1, to)
  }
  for (const item of items) {
    if (item === null) {
      to = message.writeInt32BE(-1, to)
    } else if (typeof item === 'string') {
      to = writeText(message, to, item, sizes[taken.size++] ?? 0)
    } else if (typeof item === 'number') {
      if (!Number.isSafeInteger(item)) {
        throw new HoldfastError('INVALID_ARGUMENT', `${item} is not an integer that the database can hold exactly`)
      }
      to = message.writeInt32BE(8, to)
      to = message.writeInt32BE(Math.floor(item / 0x1_0000_0000), to)
      to = message.writeUInt32BE(item >>> 0, to)
    } else if (item instanceof Uint8Array) {
      to = message.writeInt32BE(item.byteLength, to)
      message.set(item, to)
      to += item.byteLength
    } else {
      to = message.writeInt32BE(1, to)
      message[to++] = item ? 1 : 0
    }
  }
  message.writeInt32BE(to - lengthAt - 4, lengthAt)
  return to
}
