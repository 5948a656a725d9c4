import { createHash } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'

/** A backup is a line of text and frames: 4 bytes of length of the payload, big-endian; one byte of kind; the payload; 32 bytes of digest. The digest is the
 *  sha256 of the digest before it and of the frame, so that whatever was changed, lost, repeated or moved is found at the frame where it is. */
export const magic: Buffer = Buffer.from('HOLDFAST BACKUP 1\n')

export const frameKinds = {
  /** JSON in clear: what is needed to read the others. */
  header: 1,
  /** Lines, the last of which ends a blob: a backup that was cut can go on behind it. */
  resumable: 2,
  lines: 3,
  /** JSON: what the backup holds. Nothing comes after it. */
  manifest: 4,
} as const

export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds]

const headBytes = 5
const digestBytes = 32

/** No frame comes near: the longest line of an export, which compression could not make shorter. */
const maxPayloadBytes = 160 * 1024 * 1024

export interface Frame {
  /** From 1. */
  readonly number: number
  readonly kind: FrameKind
  readonly payload: Buffer
  /** Of the byte after it. */
  readonly endsAt: number
  /** Hex digest of it and all before it. */
  readonly digest: string
}

/** Where a chain of frames has come to. */
export interface ChainPoint {
  readonly number: number
  readonly digest: Buffer
}

export const chainStart: ChainPoint = { number: 0, digest: createHash('sha256').update(magic).digest() }

/** @returns the bytes of the next frame, and where the chain is after it */
export function nextFrame(
  { number, digest }: ChainPoint,
  kind: FrameKind,
  payload: Uint8Array,
): { readonly bytes: Buffer; readonly point: ChainPoint } {
  const head = Buffer.alloc(headBytes)
  head.writeUInt32BE(payload.length)
  head.writeUInt8(kind, 4)
  const next = chained(digest, head, payload)
  return { bytes: Buffer.concat([head, payload, next]), point: { number: number + 1, digest: next } }
}

function chained(before: Buffer, head: Uint8Array, payload: Uint8Array): Buffer {
  return createHash('sha256').update(before).update(head).update(payload).digest()
}

/** The frames of a backup, each found to be as it was written; one in memory at a time.
 *  @throws DATA_LOSS at a frame that was changed, at an end within a frame, and if there is none; not if the last one is no manifest */
export async function* readFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  const bytes = new ByteReader(source)
  try {
    yield* framesIn(bytes)
  } finally {
    await bytes.close()
  }
}

async function* framesIn(bytes: ByteReader): AsyncGenerator<Frame> {
  const start = await bytes.take(magic.length)
  if (start === undefined || !start.equals(magic)) {
    throw damagedBackup('is not a backup, or its first bytes were changed', 0)
  }
  let { number, digest } = chainStart
  for (;;) {
    const startsAt = bytes.at
    number += 1
    const head = await bytes.take(headBytes)
    if (head === undefined) {
      if (bytes.left > 0) throw cutOff(number, startsAt)
      return
    }
    const length = head.readUInt32BE()
    const kind = head.readUInt8(4)
    if (length > maxPayloadBytes || kind < frameKinds.header || kind > frameKinds.manifest) {
      throw damagedBackup(`was changed in frame ${number}, at byte ${startsAt}`, startsAt)
    }
    const payload = await bytes.take(length)
    const expected = payload === undefined ? undefined : await bytes.take(digestBytes)
    if (payload === undefined || expected === undefined) throw cutOff(number, startsAt)
    digest = chained(digest, head, payload)
    if (!digest.equals(expected)) {
      throw damagedBackup(`was changed in frame ${number}, between bytes ${startsAt} and ${bytes.at}`, startsAt)
    }
    yield { number, kind: kind as FrameKind, payload, endsAt: bytes.at, digest: digest.toString('hex') }
  }
}

function cutOff(number: number, startsAt: number): HoldfastError {
  return damagedBackup(`was cut off in frame ${number}, which begins at byte ${startsAt}`, startsAt)
}

/** @param byte where the fault is, about */
export function damagedBackup(how: string, byte: number, cause?: unknown): HoldfastError {
  return new HoldfastError('DATA_LOSS', `The backup ${how}: take another copy of it`, {
    reason: 'BACKUP_DAMAGED',
    metadata: { byte: String(byte) },
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Pieces of any size as pieces of the size that is wanted. */
class ByteReader {
  /** How many were taken. */
  at = 0
  /** How many have come and were not taken. */
  left = 0
  readonly #source: AsyncIterator<Uint8Array>
  #pieces: Buffer[] = []

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }

  /** `undefined`: there are not that many left. */
  async take(count: number): Promise<Buffer | undefined> {
    while (this.left < count) {
      const more = await this.#source.next()
      if (more.done === true) return undefined
      const { buffer, byteOffset, byteLength } = more.value
      this.#pieces.push(Buffer.from(buffer, byteOffset, byteLength))
      this.left += byteLength
    }
    const [first] = this.#pieces
    const all = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces)
    this.#pieces = [all.subarray(count)]
    this.left -= count
    this.at += count
    return all.subarray(0, count)
  }
}
