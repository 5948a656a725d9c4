import { randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { deflateRaw } from 'node:zlib'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { checkOptions } from '../options.js'
import { type ExportOrigin, exportLines } from '../transfer/export.js'
import { noCounts, type TransferCounts } from '../transfer/records.js'
import { splitLines } from '../transfer/split-lines.js'
import { assertSecret, BackupKey } from './backup-key.js'
import { type BackupHeader, FrameOpener } from './backup-lines.js'
import type { BackupManifest, BackupOptions, BackupReport, BackupTarget } from './backup-options.js'
import { type OpenTarget, openTarget } from './backup-target.js'
import {
  type ChainPoint,
  chainStart,
  type Frame,
  type FrameKind,
  frameKinds,
  magic,
  nextFrame,
  readFrames,
} from './frames.js'

const deflate = promisify(deflateRaw)

/** Lines are packed together until they have so many characters; within a blob, and between two. */
const fullFrame = 2 * 1024 * 1024
const goodFrame = 512 * 1024

/** Writes a backup, or goes on with one that was cut: bytes of blobs, most of what there is, are taken over; rows are read anew, because the moment
 *  that they were of has gone with the connection that held it. */
export async function writeBackup(
  origin: ExportOrigin,
  target: BackupTarget,
  options: BackupOptions = {},
): Promise<BackupReport> {
  checkOptions(options, ['key', 'tenant', 'tenantKeys', 'anew', 'compressionLevel', 'signal', 'onProgress'])
  const { compressionLevel = 3 } = options
  if (!Number.isInteger(compressionLevel) || compressionLevel < 0 || compressionLevel > 9) {
    throw invalidField('compressionLevel', 'must be an integer from 0 to 9')
  }
  // Before a file is made.
  if (options.key !== undefined) assertSecret(options.key)
  const to = await openTarget(target)
  let writer: BackupWriter | undefined
  try {
    writer = await BackupWriter.begin(to, options)
    for await (const line of writer.lines(origin)) await writer.take(line)
    return await writer.finish()
  } finally {
    await writer?.settled()
    await to.close()
  }
}

/** How far a backup that was cut has come. */
interface Begun {
  readonly header: BackupHeader
  readonly point: ChainPoint
  readonly bytes: number
  readonly plainBytes: number
  readonly blobs: number
}

class BackupWriter {
  readonly #target: OpenTarget
  readonly #options: BackupOptions
  readonly #header: BackupHeader
  readonly #key: BackupKey | undefined
  readonly #begun: Begun | undefined
  #point: ChainPoint = chainStart
  #bytes = 0
  #plainBytes = 0
  #text: string[] = []
  #length = 0
  /** Whether only bytes of blobs have come so far, so that what is written can be gone on with. */
  #isEarly = true
  #counts: TransferCounts = noCounts()
  #contentSha256 = ''
  /** The frame that is being packed while lines for the next one come. */
  #underWay: Promise<void> = Promise.resolve()

  private constructor(target: OpenTarget, options: BackupOptions, header: BackupHeader, begun: Begun | undefined) {
    const { key, tenant } = options
    this.#target = target
    this.#options = options
    this.#begun = begun
    this.#key = key === undefined ? undefined : new BackupKey(key, header.id)
    this.#header = {
      ...header,
      ...(tenant === undefined ? {} : { tenant }),
      ...(this.#key === undefined ? {} : { keyCheck: this.#key.check }),
    }
  }

  static async begin(target: OpenTarget, options: BackupOptions): Promise<BackupWriter> {
    const begun = options.anew === true ? undefined : await begunIn(target, options)
    const fresh = { format: 'holdfast-backup', id: randomUUID(), startedAt: new Date().toISOString() } as const
    const writer = new BackupWriter(target, options, begun?.header ?? fresh, begun)
    await writer.#start()
    return writer
  }

  async #start(): Promise<void> {
    await this.#target.keep(this.#begun?.bytes ?? 0)
    if (this.#begun === undefined) {
      await this.#target.write(magic)
      this.#bytes = magic.length
      return this.#frame(frameKinds.header, Buffer.from(JSON.stringify(this.#header)))
    }
    this.#point = this.#begun.point
    this.#bytes = this.#begun.bytes
    this.#plainBytes = this.#begun.plainBytes
  }

  lines(origin: ExportOrigin): AsyncGenerator<string> {
    const { tenant, tenantKeys = true } = this.#options
    const options = {
      keys: tenantKeys,
      ...(tenant === undefined ? {} : { tenant }),
      onProgress: (counts: Readonly<TransferCounts>) => {
        this.#counts = { ...counts }
      },
    }
    const before = this.#begun === undefined ? {} : { before: splitLines(this.#begunLines()) }
    return exportLines(origin, options, { blobs: 'first', ...before })
  }

  async take(line: string): Promise<void> {
    if (this.#options.signal?.aborted === true) {
      throw new HoldfastError('CANCELLED', 'The backup was stopped: call it again to go on')
    }
    if (this.#isEarly && !/^\{"type":"(?:chunk|broken|header)"/.test(line)) {
      this.#isEarly = line.startsWith('{"type":"bytes"')
      if (this.#length >= goodFrame || !this.#isEarly) await this.#pack(frameKinds.resumable)
    }
    this.#text.push(line)
    this.#length += line.length
    if (line.startsWith('{"type":"trailer"')) {
      this.#contentSha256 = String((JSON.parse(line) as Record<string, unknown>)['contentSha256'])
    }
    if (this.#length >= fullFrame) await this.#pack(frameKinds.lines)
  }

  async finish(): Promise<BackupReport> {
    await this.#pack(frameKinds.lines)
    await this.#underWay
    const { id, startedAt, tenant } = this.#header
    const manifest: Omit<BackupManifest, 'sizeBytes'> = {
      id,
      startedAt,
      finishedAt: new Date().toISOString(),
      ...(tenant === undefined ? {} : { tenant }),
      encrypted: this.#key !== undefined,
      counts: this.#counts,
      contentSha256: this.#contentSha256,
      framesSha256: this.#point.digest.toString('hex'),
      frames: this.#point.number + 1,
      plainBytes: this.#plainBytes,
    }
    await this.#seal(frameKinds.manifest, Buffer.from(JSON.stringify(manifest)))
    await this.#target.finish()
    return { ...manifest, sizeBytes: this.#bytes, resumedBlobs: this.#begun?.blobs ?? 0 }
  }

  /** Nothing is being written any more. */
  settled(): Promise<void> {
    return this.#underWay.catch(() => {})
  }

  async #pack(kind: FrameKind): Promise<void> {
    if (this.#length === 0) return
    const text = Buffer.from(this.#text.join(''))
    this.#text = []
    this.#length = 0
    await this.#underWay
    this.#plainBytes += text.length
    this.#underWay = this.#seal(kind, text)
    // It is awaited before the next one; until then nobody else listens.
    this.#underWay.catch(() => {})
  }

  async #seal(kind: FrameKind, content: Buffer): Promise<void> {
    const packed = await deflate(content, { level: this.#options.compressionLevel ?? 3 })
    return this.#frame(kind, this.#key?.seal([this.#point.number + 1, kind], packed) ?? packed)
  }

  async #frame(kind: FrameKind, payload: Uint8Array): Promise<void> {
    const { bytes, point } = nextFrame(this.#point, kind, payload)
    await this.#target.write(bytes)
    this.#point = point
    this.#bytes += bytes.length
    this.#options.onProgress?.({ bytes: this.#bytes, frames: point.number })
  }

  async *#begunLines(): AsyncGenerator<Buffer> {
    const { begun } = this.#target
    if (begun === undefined || this.#begun === undefined) return
    let opener: FrameOpener | undefined
    for await (const frame of readFrames(begun())) {
      if (opener === undefined) opener = new FrameOpener(frame, this.#options.key)
      else yield await opener.content(frame)
      if (frame.endsAt >= this.#begun.bytes) return
    }
  }
}

/** How far what is there is whole, up to the last place behind which it can be gone on with; `undefined`: nowhere. */
async function begunIn({ begun }: OpenTarget, options: BackupOptions): Promise<Begun | undefined> {
  if (begun === undefined) return undefined
  let opener: FrameOpener | undefined
  let last: Begun | undefined
  let plainBytes = 0
  let blobs = 0
  try {
    for await (const frame of readFrames(begun())) {
      if (opener === undefined) {
        opener = new FrameOpener(frame, options.key)
        if (!isOfSameKind(opener.header, options)) return undefined
        continue
      }
      const content = await opener.content(frame)
      plainBytes += content.length
      blobs += String(content).split('{"type":"bytes"').length - 1
      if (frame.kind === frameKinds.resumable) last = { ...placeOf(frame, opener.header), plainBytes, blobs }
    }
  } catch (error) {
    // It was cut in the middle of a frame; or it was made with another key, and then nothing of it is of use.
    const isExpected = error instanceof HoldfastError && ['DATA_LOSS', 'FAILED_PRECONDITION'].includes(error.code)
    if (!isExpected) throw error
  }
  return last
}

function isOfSameKind({ keyCheck, tenant }: BackupHeader, options: BackupOptions): boolean {
  return (keyCheck === undefined) === (options.key === undefined) && tenant === options.tenant
}

function placeOf(frame: Frame, header: BackupHeader): Pick<Begun, 'header' | 'point' | 'bytes'> {
  return {
    header,
    point: { number: frame.number, digest: Buffer.from(frame.digest, 'hex') },
    bytes: frame.endsAt,
  }
}
