import type { Blob, Blobs } from '@holdfast/persistence'

/** Stores a stream of bytes while somebody else reads it: no faster than both take it. */
export class RecordedBytes implements AsyncIterable<Uint8Array> {
  /** Once all was read; rejects when storing failed or the reading ended early. */
  readonly stored: Promise<Blob>
  readonly #source: AsyncIterable<Uint8Array>
  #offer: ((bytes: Uint8Array | undefined) => void) | undefined
  #taken: (() => void) | undefined
  #failure: unknown

  constructor(blobs: Blobs, source: AsyncIterable<Uint8Array>, contentType: string, signal: AbortSignal) {
    this.#source = source
    this.stored = blobs.put(this.#pieces(), { contentType, signal })
    this.stored.catch((error: unknown) => {
      this.#failure = error
      this.#taken?.()
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    let isWhole = false
    try {
      for await (const bytes of this.#source) {
        await this.#store(bytes)
        yield bytes
      }
      isWhole = true
    } finally {
      if (isWhole) await this.#store(undefined)
      else {
        this.#failure ??= new Error('The bytes were not read to their end')
        this.#offer?.(undefined)
      }
    }
  }

  async #store(bytes: Uint8Array | undefined): Promise<void> {
    while (this.#offer === undefined && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#taken = resolve
      })
    }
    if (this.#failure !== undefined) throw this.#failure
    const offer = this.#offer
    this.#offer = undefined
    offer?.(bytes)
  }

  async *#pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const bytes = await new Promise<Uint8Array | undefined>((resolve) => {
        this.#offer = resolve
        this.#taken?.()
      })
      if (this.#failure !== undefined) throw this.#failure
      if (bytes === undefined) return
      yield bytes
    }
  }
}
