import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { HoldfastError } from '@holdfast/errors'

/** The lines of an export vouch for themselves: each is a JSON object whose last member, `crc`, is the CRC-32 of the text before it, going on from
 *  that of the line before. A line that was changed, lost, repeated or moved is therefore found where it stands, before anything of it is used. */
const endLength = ',"crc":"01234567"}'.length

export class LineWriter {
  #crc = 0
  readonly #hash: Hash = createHash('sha256')
  readonly #content: Hash = createHash('sha256')

  /** The line of the JSON object that `body` is but for its closing brace. */
  line(body: string): string {
    this.#crc = crc32(body, this.#crc)
    const line = `${body},"crc":"${this.#crc.toString(16).padStart(8, '0')}"}\n`
    this.#hash.update(line)
    return line
  }

  /** A line of what is stored, which `contentSha256` is of. */
  contentLine(body: string): string {
    this.#content.update(body).update('\n')
    return this.line(body)
  }

  /** A line that another writer wrote next. @throws DATA_LOSS if it did not */
  again(line: string, number: number): void {
    if (this.line(line.slice(0, -endLength)) !== `${line}\n`) throw damagedLine(number, 'was changed, lost or moved')
  }

  /** Hex sha256 of the bodies of the content lines, which are the same for the same content. */
  get contentSha256(): string {
    return this.#content.copy().digest('hex')
  }

  /** Hex sha256 of all lines so far. */
  get sha256(): string {
    return this.#hash.copy().digest('hex')
  }
}

/** A line that was found to be as it was written. */
export interface CheckedLine {
  /** From 1. */
  readonly number: number
  readonly text: string
  readonly record: Readonly<Record<string, unknown>>
  /** Hex sha256 of all lines before; to be asked before the next line is read. */
  readonly sha256Before: () => string
}

export class LineReader {
  #crc = 0
  #number = 0
  readonly #hash: Hash = createHash('sha256')
  /** The last line, which the hash does not hold yet. */
  #last: string | undefined

  get number(): number {
    return this.#number
  }

  /** @throws DATA_LOSS that names the line */
  check(text: string): CheckedLine {
    this.#number += 1
    const number = this.#number
    const body = text.slice(0, -endLength)
    const crc = crc32(body, this.#crc)
    if (text.slice(-endLength) !== `,"crc":"${crc.toString(16).padStart(8, '0')}"}`) {
      throw damagedLine(
        number,
        number === 1
          ? 'is not the first line of an export, or it was changed'
          : 'or the one before it was changed, lost or moved',
      )
    }
    this.#crc = crc
    if (this.#last !== undefined) this.#hash.update(this.#last).update('\n')
    this.#last = text
    let record: unknown
    try {
      record = JSON.parse(text)
    } catch (error) {
      throw damagedLine(number, 'is not JSON', error)
    }
    return {
      number,
      text,
      record: record as CheckedLine['record'],
      sha256Before: () => this.#hash.copy().digest('hex'),
    }
  }
}

export function damagedLine(number: number, how: string, cause?: unknown): HoldfastError {
  return new HoldfastError('DATA_LOSS', `Line ${number} of the export ${how}: take the export from another copy`, {
    reason: 'EXPORT_DAMAGED',
    metadata: { line: String(number) },
    ...(cause === undefined ? {} : { cause }),
  })
}
