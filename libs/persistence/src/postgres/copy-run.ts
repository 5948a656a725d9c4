import type pg from 'pg'
import { copyDone, copyFail, queryMessage, writeCopyHeader } from './statement-message.js'

/** COPY … FROM STDIN at a `pg` client: sends no faster than the server takes it, and takes from `chunks` no faster than that.
 *  Source: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY */
export class CopyRun implements pg.Submittable {
  sent = false
  readonly #text: string
  readonly #chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  readonly #settle: (error: unknown, rows: never[]) => void
  /** Why this side gave up, which explains what the server then says. */
  fault: { readonly error: unknown } | undefined
  #over = false

  constructor(
    text: string,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    settle: (error: unknown, rows: never[]) => void,
  ) {
    this.#text = text
    this.#chunks = chunks
    this.#settle = settle
  }

  submit(connection: pg.Connection): Error | null {
    if (!connection.stream.writable) return new Error('The connection was closed')
    this.sent = true
    connection.stream.write(queryMessage(this.#text))
    return null
  }

  handleCopyInResponse(connection: pg.Connection): void {
    void this.#send(connection.stream)
  }

  async #send(stream: NodeJS.WritableStream): Promise<void> {
    try {
      for await (const chunk of this.#chunks) {
        // The server has given up, or is gone.
        if (this.#over || !stream.writable) return
        const header = Buffer.allocUnsafe(5)
        writeCopyHeader(header, 0, chunk)
        stream.write(header)
        if (!stream.write(chunk)) await drained(stream)
      }
      if (!this.#over) stream.write(copyDone)
    } catch (error) {
      this.fault = { error }
      if (!this.#over) stream.write(copyFail)
    }
  }

  handleRowDescription(): void {}

  handleDataRow(): void {}

  handleCommandComplete(): void {}

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  handleReadyForQuery(): void {
    this.#end(undefined)
  }

  handleError(error: unknown): void {
    this.#end(error)
  }

  #end(error: unknown): void {
    this.#over = true
    this.#settle(error, [])
  }
}

/** Also when the connection breaks, which the run then learns of from `pg`. */
function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, settle)
      resolve()
    }
    for (const event of ['drain', 'close', 'error']) stream.on(event, settle)
  })
}
