import { invalidField } from '@holdfast/errors'

const newline = 0x0a

/** No line of an export comes near: 16 MiB of JSON, every character of it escaped. */
const maxLineBytes = 128 * 1024 * 1024

export type Chunks = Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>

/** The lines of text or UTF-8 that comes in pieces of any size, without their ends; one in memory at a time. Only a line feed ends a line. */
export async function* splitLines(chunks: Chunks, onBytes?: (bytes: number) => void): AsyncGenerator<string> {
  let begun: Buffer[] = []
  let begunBytes = 0
  let number = 1
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const decode = (bytes: Buffer): string => {
    try {
      return decoder.decode(bytes)
    } catch (error) {
      throw invalidField(`line ${number}`, 'is not UTF-8', { cause: error })
    }
  }
  for await (const chunk of chunks) {
    let rest =
      typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    onBytes?.(rest.length)
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
      const line = begun.length === 0 ? rest.subarray(0, end) : Buffer.concat([...begun, rest.subarray(0, end)])
      yield decode(line)
      number += 1
      begun = []
      begunBytes = 0
      rest = rest.subarray(end + 1)
    }
    if (rest.length === 0) continue
    // A copy: whoever brought the piece may use its buffer again.
    begun.push(Buffer.from(rest))
    begunBytes += rest.length
    if (begunBytes > maxLineBytes) throw invalidField(`line ${number}`, `is longer than ${maxLineBytes} bytes`)
  }
  if (begunBytes > 0) yield decode(Buffer.concat(begun))
}
