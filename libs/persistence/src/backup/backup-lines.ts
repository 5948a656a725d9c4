import { createReadStream } from 'node:fs'
import { promisify } from 'node:util'
import { inflateRaw } from 'node:zlib'
import { HoldfastError } from '@holdfast/errors'
import { BackupKey, type BackupSecret, keyMissing } from './backup-key.js'
import type { BackupManifest, BackupSource, VerifyOptions } from './backup-options.js'
import { damagedBackup, type Frame, frameKinds, readFrames } from './frames.js'

const inflate = promisify(inflateRaw)

/** The first frame, in clear: its digest vouches for it, and of an encrypted backup the key, which is made of `id`. */
export interface BackupHeader {
  readonly format: 'holdfast-backup'
  readonly id: string
  readonly startedAt: string
  readonly tenant?: string
  /** Tells whether a key is the right one; absent: not encrypted. */
  readonly keyCheck?: string
}

/** Turns frames into what is in them. */
export class FrameOpener {
  readonly header: BackupHeader
  readonly #key: BackupKey | undefined

  /** @throws FAILED_PRECONDITION if the key is missing or wrong, DATA_LOSS */
  constructor(first: Frame | undefined, secret: BackupSecret | undefined) {
    if (first?.kind !== frameKinds.header) throw damagedBackup('has no header', 0)
    this.header = JSON.parse(String(first.payload)) as BackupHeader
    const { id, keyCheck } = this.header
    if (keyCheck === undefined) return
    if (secret === undefined) throw keyMissing()
    this.#key = new BackupKey(secret, id)
    this.#key.assertIs(keyCheck)
  }

  async content({ number, kind, payload, endsAt }: Frame): Promise<Buffer> {
    const packed = this.#key === undefined ? payload : this.#key.open([number, kind], payload)
    try {
      return await inflate(packed)
    } catch (error) {
      throw damagedBackup(`cannot be unpacked in frame ${number}`, endsAt, error)
    }
  }
}

/** Reads a backup from its beginning to its end. */
export class BackupReader {
  /** Once its end was reached. */
  manifest: BackupManifest | undefined
  readonly #source: BackupSource
  readonly #options: VerifyOptions

  constructor(source: BackupSource, options: VerifyOptions) {
    this.#source = source
    this.#options = options
  }

  /** The header, and the lines in pieces. They are whole only when the last one came without an error.
   *  @throws DATA_LOSS, FAILED_PRECONDITION (key), CANCELLED, NOT_FOUND (file) */
  async open(): Promise<{ readonly header: BackupHeader; readonly lines: AsyncGenerator<Buffer> }> {
    const frames = readFrames(bytesOf(this.#source))
    const first = await frames.next()
    const opener = new FrameOpener(first.done === true ? undefined : first.value, this.#options.key)
    return { header: opener.header, lines: this.#lines(frames, opener) }
  }

  async *#lines(frames: AsyncIterable<Frame>, opener: FrameOpener): AsyncGenerator<Buffer> {
    const { signal, onProgress } = this.#options
    let before = ''
    for await (const frame of frames) {
      if (signal?.aborted === true) throw new HoldfastError('CANCELLED', 'It was stopped: call it again to go on')
      if (this.manifest !== undefined) throw damagedBackup('goes on after its end', frame.endsAt)
      const content = await opener.content(frame)
      if (frame.kind === frameKinds.manifest) this.manifest = manifestIn(content, frame, before, opener.header)
      else if (frame.kind === frameKinds.header) throw damagedBackup('has two headers', frame.endsAt)
      else yield content
      before = frame.digest
      onProgress?.({ bytes: frame.endsAt, frames: frame.number })
    }
    if (this.manifest === undefined) {
      throw damagedBackup('was cut off: it has no manifest. Call the backup into the same file again to go on', 0)
    }
  }
}

function manifestIn(content: Buffer, frame: Frame, before: string, header: BackupHeader): BackupManifest {
  const manifest = JSON.parse(String(content)) as BackupManifest
  const { id, framesSha256, frames } = manifest
  if (id !== header.id || framesSha256 !== before || frames !== frame.number) {
    throw damagedBackup('has a manifest of another one', frame.endsAt)
  }
  return { ...manifest, sizeBytes: frame.endsAt }
}

export async function* bytesOf(source: BackupSource): AsyncGenerator<Uint8Array> {
  if (typeof source !== 'string') return yield* source
  try {
    for await (const piece of createReadStream(source, { highWaterMark: 1024 * 1024 })) yield piece as Buffer
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    const text = error instanceof Error ? error.message : String(error)
    throw new HoldfastError('NOT_FOUND', `${source} cannot be read: ${text}`, { cause: error })
  }
}
