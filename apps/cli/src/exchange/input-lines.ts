import { createReadStream } from 'node:fs'
import { HoldfastError, invalidField } from '@holdfast/errors'

export interface InputLine {
  /** Without its end. */
  readonly text: string
  /** `FILE:LINE`, from 1. */
  readonly place: string
  /** With its end. */
  readonly sizeBytes: number
}

// No record comes near: a message holds at most 100 texts of 1 MiB, and is refused long before.
const maxLineBytes = 128 * 1024 * 1024
const newline = 0x0a

/** The lines of a file, or of standard input for `-`, that hold anything; one in memory at a time. Only a line feed ends a
 *  line: readline would also cut at U+2028, which JSON allows in strings.
 *  @throws NOT_FOUND if the file cannot be read, INVALID_ARGUMENT where it is not UTF-8 */
export async function* inputLines(file: string, stdin: NodeJS.ReadableStream): AsyncGenerator<InputLine> {
  let number = 0
  for await (const bytes of splitLines(file, file === '-' ? stdin : createReadStream(file))) {
    number++
    const place = `${file === '-' ? 'standard input' : file}:${number}`
    const text = decode(bytes, place)
    if (text.trim() !== '') yield { text, place, sizeBytes: bytes.length + 1 }
  }
}

async function* splitLines(file: string, stream: AsyncIterable<Buffer | string>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = []
  let begunBytes = 0
  try {
    for await (const chunk of stream) {
      let rest = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
        yield Buffer.concat([...begun, rest.subarray(0, end)])
        begun = []
        begunBytes = 0
        rest = rest.subarray(end + 1)
      }
      begun.push(rest)
      begunBytes += rest.length
      if (begunBytes > maxLineBytes) throw invalidField(file, `has a line of more than ${maxLineBytes} bytes`)
    }
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    const text = error instanceof Error ? error.message : String(error)
    throw new HoldfastError('NOT_FOUND', `${file} cannot be read: ${text}`, { cause: error })
  }
  if (begunBytes > 0) yield Buffer.concat(begun)
}

function decode(bytes: Buffer, place: string): string {
  try {
    // A byte order mark at the start is dropped.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw invalidField(place, 'is not UTF-8', { cause: error })
  }
}
