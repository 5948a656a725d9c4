/** Reads a stream of bytes in the portions that a format wants. Holds what it peeked at and one chunk. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array(0)
  #position = 0

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position
  }

  /** The next `count` bytes, fewer at the end, which are read again later. */
  async peek(count: number): Promise<Uint8Array> {
    while (this.#held.length < count) {
      const chunk = await this.#chunk()
      if (chunk === undefined) break
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    }
    return this.#held.subarray(0, count)
  }

  /** The next `count` bytes, fewer at the end. */
  async take(count: number): Promise<Uint8Array> {
    const bytes = await this.peek(count)
    this.#drop(bytes.length)
    return bytes
  }

  /** @returns how many bytes there were to skip */
  async skip(count: number): Promise<number> {
    for (let skipped = 0; skipped < count;) {
      const some = await this.some(count - skipped)
      if (some === undefined) return skipped
      skipped += some.length
    }
    return count
  }

  /** Whatever comes next, at most `limit` bytes; `undefined` at the end. */
  async some(limit: number = Infinity): Promise<Uint8Array | undefined> {
    if (this.#held.length === 0) this.#held = (await this.#chunk()) ?? this.#held
    if (this.#held.length === 0) return undefined
    const bytes = this.#held.subarray(0, limit)
    this.#drop(bytes.length)
    return bytes
  }

  /** All that is left. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let bytes = await this.some(); bytes !== undefined; bytes = await this.some()) yield bytes
    } finally {
      await this.end()
    }
  }

  /** Lets go of the source. */
  async end(): Promise<void> {
    await this.#source.return?.()
  }

  #drop(count: number): void {
    this.#held = this.#held.subarray(count)
    this.#position += count
  }

  async #chunk(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { done, value } = await this.#source.next()
      if (done === true) return undefined
      if (value.length > 0) return value
    }
  }
}
