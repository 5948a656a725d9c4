import { HoldfastError } from '@holdfast/errors'
import { checkOptions } from '../options.js'
import { type CheckedLine, damagedLine, LineReader } from './checked-lines.js'
import { noCounts, type TransferCounts } from './records.js'
import { type Chunks, splitLines } from './split-lines.js'
import type { ImportOptions } from './transfer-options.js'

/** Reads an export to its end and finds out whether it is whole and unchanged, without importing anything.
 *  @throws DATA_LOSS that names the line */
export async function checkLines(
  lines: Chunks,
  options: Pick<ImportOptions, 'signal' | 'onProgress'> = {},
): Promise<TransferCounts> {
  checkOptions(options, ['signal', 'onProgress'])
  const reader = new Records(lines, options)
  for (;;) {
    const line = await reader.next()
    reader.count(line)
    if (line.record['type'] === 'trailer') {
      await reader.finish(line)
      return reader.counts
    }
  }
}

/** The checked lines of an export, one ahead if need be. */
export class Records {
  readonly counts: TransferCounts = noCounts()
  readonly #reader = new LineReader()
  readonly #lines: AsyncGenerator<string>
  readonly #signal: AbortSignal | undefined
  #ahead: CheckedLine | undefined

  constructor(lines: Chunks, { signal, onProgress }: Pick<ImportOptions, 'signal' | 'onProgress'>) {
    this.#signal = signal
    let bytes = 0
    this.#lines = splitLines(lines, (more) => onProgress?.((bytes += more)))
  }

  async next(): Promise<CheckedLine> {
    const line = this.#ahead ?? (await this.#read())
    this.#ahead = undefined
    return line
  }

  async peek(): Promise<CheckedLine> {
    this.#ahead ??= await this.#read()
    return this.#ahead
  }

  count({ record }: CheckedLine): void {
    const counted = countedAs[String(record['type'])]
    if (counted !== undefined) this.counts[counted] += 1
  }

  /** @throws DATA_LOSS unless the trailer ends all and speaks of what came */
  async finish({ record, number, sha256Before }: CheckedLine): Promise<void> {
    if (record['sha256'] !== sha256Before())
      throw damagedLine(number, 'does not have the checksum of what came before it')
    for (const [name, count] of Object.entries(this.counts)) {
      if (record[name] !== count) throw damagedLine(number, `counts ${String(record[name])} ${name}, but ${count} came`)
    }
    const more = await this.#lines.next()
    if (more.done !== true) throw damagedLine(number + 1, 'comes after the end of the export')
  }

  async #read(): Promise<CheckedLine> {
    if (this.#signal?.aborted === true) {
      throw new HoldfastError('CANCELLED', 'The import was stopped: import the same again to go on')
    }
    const line = await this.#lines.next()
    if (line.done !== true) return this.#reader.check(line.value)
    const { number } = this.#reader
    throw damagedLine(
      number + 1,
      number === 0 ? 'is missing: there is nothing' : `is missing: the export was cut off after line ${number}`,
    )
  }
}

const countedAs: Readonly<Record<string, keyof TransferCounts>> = {
  key: 'keys',
  collection: 'collections',
  document: 'documents',
  log: 'logs',
  stream: 'streams',
  entry: 'entries',
  blob: 'blobs',
  link: 'links',
}
