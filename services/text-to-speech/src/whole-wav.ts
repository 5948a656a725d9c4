import { HoldfastError } from '@holdfast/errors'
import type { BlobHead } from '@holdfast/persistence'

/** A WAV up to here gets its length in its header; the header of a longer one leaves it open, as in a stream. */
const knownLengthBytes = 64 * 1024 * 1024

export const wavHeaderBytes = 44

/** Takes a WAV that comes as a stream apart, so that its samples can be stored while they come: the length in its header is known last. */
export class WholeWav {
  readonly head: BlobHead
  #resolve: (header: Uint8Array) => void = () => undefined
  #reject: (error: Error) => void = () => undefined

  constructor() {
    const bytes = new Promise<Uint8Array>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.head = { sizeBytes: wavHeaderBytes, bytes }
  }

  async *samples(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    let header: Uint8Array | undefined
    let bytes = 0
    for await (const chunk of stream) {
      bytes += chunk.length
      if (header === undefined) {
        header = chunk
        continue
      }
      if (bytes > knownLengthBytes) this.#resolve(header)
      yield chunk
    }
    if (header === undefined) this.#reject(new HoldfastError('INTERNAL', 'A WAV has come without a header'))
    else this.#resolve(withLength(header, bytes))
  }
}

/** @param header that says that the length is open @param bytes of the whole file */
export function withLength(header: Uint8Array, bytes: number): Uint8Array {
  const known = Buffer.from(header)
  known.writeUInt32LE(bytes - 8, 4)
  known.writeUInt32LE(bytes - header.length, 40)
  return known
}
