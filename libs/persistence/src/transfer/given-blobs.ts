import { damagedLine, type LineWriter } from './checked-lines.js'

interface NamedBlob {
  readonly tenant: string
  readonly hash: string
  readonly contentType: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

/** Blobs whose bytes have gone out before the moment that the rest is of. It takes about 300 bytes of memory for each. */
export class GivenBlobs {
  /** By name, what else their record says: a blob that was deleted and put again since is another. */
  readonly #stamps = new Map<string, string>()

  has(blob: NamedBlob): boolean {
    return this.#stamps.get(nameOf(blob)) === stampOf(blob)
  }

  add(blob: NamedBlob): void {
    this.#stamps.set(nameOf(blob), stampOf(blob))
  }

  /** What is known of a blob, for once. */
  take(blob: NamedBlob): 'given' | 'otherwise' | 'missing' {
    const stamp = this.#stamps.get(nameOf(blob))
    this.#stamps.delete(nameOf(blob))
    if (stamp === undefined) return 'missing'
    return stamp === stampOf(blob) ? 'given' : 'otherwise'
  }

  /** Those that nobody took. */
  *left(): Generator<{ readonly tenant: string; readonly hash: string }> {
    for (const name of this.#stamps.keys()) {
      const [tenant = '', hash = ''] = name.split('\0')
      yield { tenant, hash }
    }
  }

  /** Learns them from the lines of an export that was cut off, which `lines` then goes on from. @returns whether there was a line */
  async takeOver(before: AsyncIterable<string>, lines: LineWriter): Promise<boolean> {
    let number = 0
    let open: NamedBlob | undefined
    for await (const line of before) {
      number += 1
      lines.again(line, number)
      // Chunks are most of the bytes, and nothing is to be learned from them.
      if (line.startsWith('{"type":"chunk"')) continue
      const record = JSON.parse(line) as Record<string, string>
      if (open !== undefined && record['type'] !== 'broken') this.add(open)
      open = record['type'] === 'bytes' ? blobOf(record, number) : undefined
    }
    if (open !== undefined) this.add(open)
    return number > 0
  }
}

function blobOf(record: Readonly<Record<string, string>>, number: number): NamedBlob {
  const { tenant, hash, contentType, createdAt } = record
  if (tenant === undefined || hash === undefined || contentType === undefined || createdAt === undefined) {
    throw damagedLine(number, 'is a blob without its name')
  }
  return { tenant, hash, contentType, createdAt: Date.parse(createdAt) }
}

const nameOf = ({ tenant, hash }: NamedBlob): string => `${tenant}\0${hash}`
const stampOf = ({ contentType, createdAt }: NamedBlob): string => `${createdAt} ${contentType}`
