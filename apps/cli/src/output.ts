import type { Writable } from 'node:stream'

/** The reader of our output went away (`holdfast … | head -1`): no failure, there is just nobody left to write for. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

/** Text to a stream, no faster than its reader takes it. Progress and logs go to stderr, results to stdout. */
export class Output {
  readonly #stream: Writable & { readonly isTTY?: boolean }
  #closed = false

  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.#stream = stream
    stream.on('error', () => {
      this.#closed = true
    })
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true
  }

  get stream(): Writable {
    return this.#stream
  }

  /** @throws OutputClosed */
  async write(text: string | Uint8Array): Promise<void> {
    if (this.#closed) throw new OutputClosed()
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(text, (error) => {
        if (error === null || error === undefined) resolve()
        else reject(isClosedPipe(error) ? new OutputClosed() : error)
      })
    })
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`)
  }

  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value))
  }
}

function isClosedPipe(error: Error & { readonly code?: unknown }): boolean {
  return error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED' || error.code === 'ECONNRESET'
}
