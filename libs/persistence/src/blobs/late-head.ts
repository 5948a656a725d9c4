import { createHash } from 'node:crypto'
import { invalidField } from '@holdfast/errors'
import type { BlobHead } from '../contract/blobs.js'

/** @throws INVALID_ARGUMENT if it has another length than was said */
export async function headBytes({ bytes, sizeBytes }: BlobHead): Promise<Uint8Array> {
  const head = await bytes
  if (head instanceof Uint8Array && head.length === sizeBytes) return head
  throw invalidField('head', `must be the ${sizeBytes} bytes that were announced`)
}

/** What is hashed in order although its first bytes are known later: what comes before they are waits in memory. */
export class HeadedDigest {
  readonly #hash = createHash('sha256')
  readonly #head: BlobHead
  #known: Uint8Array | undefined
  #waiting: Uint8Array[] | undefined = []

  constructor(head: BlobHead) {
    this.#head = head
    headBytes(head).then(
      (bytes) => (this.#known = bytes),
      () => undefined,
    )
  }

  update(part: Uint8Array): void {
    if (this.#known !== undefined) this.#release(this.#known)
    // A copy, since the source may use its buffer again.
    if (this.#waiting === undefined) this.#hash.update(part)
    else this.#waiting.push(Uint8Array.from(part))
  }

  async hex(): Promise<string> {
    this.#release(await headBytes(this.#head))
    return this.#hash.digest('hex')
  }

  #release(head: Uint8Array): void {
    if (this.#waiting === undefined) return
    this.#hash.update(head)
    for (const part of this.#waiting) this.#hash.update(part)
    this.#waiting = undefined
  }
}

/** The head and then the source; what comes before the head is known waits in memory. */
export async function* headFirst(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  head: BlobHead,
): AsyncGenerator<Uint8Array, void, undefined> {
  let known: Uint8Array | undefined
  headBytes(head).then(
    (bytes) => (known = bytes),
    () => undefined,
  )
  let waiting: Uint8Array[] | undefined = []
  for await (const part of source) {
    if (waiting !== undefined && known !== undefined) {
      yield known
      yield* waiting
      waiting = undefined
    }
    if (waiting === undefined) yield part
    else waiting.push(Uint8Array.from(part))
  }
  if (waiting === undefined) return
  yield await headBytes(head)
  yield* waiting
}
