import { TextDecoder } from 'node:util'
import { HoldfastError, invalidField } from '@holdfast/errors'
import type { Chunks } from './split-lines.js'

export interface JsonText {
  readonly text: string
  /** Of its first character, from 1. */
  readonly line: number
}

const newline = 0x0a
const quote = 0x22
const backslash = 0x5c

/** 16 MiB of BSON, MongoDB's largest document, can be several times as long as text. */
const maxValueBytes = 128 * 1024 * 1024

/** The objects of a text that is one object after the other (on lines or not) or one array of objects, each as its text; one in memory at a time.
 *  Finds where objects end and leaves all else to the parser. @throws INVALID_ARGUMENT that names the line where the text is neither */
export async function* splitObjects(chunks: Chunks, onBytes?: (bytes: number) => void): AsyncGenerator<JsonText> {
  let begun: Buffer[] = []
  let begunBytes = 0
  let line = 1
  let startLine = 1
  let depth = 0
  let inString = false
  let isEscaped = false
  let frame: 'start' | 'values' | 'array' | 'over' = 'start'
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for await (const chunk of chunks) {
    const bytes =
      typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    onBytes?.(bytes.length)
    let start = depth > 0 ? 0 : -1
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] as number
      if (byte === newline) line += 1
      if (inString) {
        if (isEscaped) isEscaped = false
        else if (byte === backslash) isEscaped = true
        else if (byte === quote) inString = false
        continue
      }
      if (depth > 0) {
        if (byte === quote) inString = true
        else if (byte === openBrace || byte === openBracket) depth += 1
        else if (byte === closeBrace || byte === closeBracket) depth -= 1
        if (depth > 0) continue
        begun.push(bytes.subarray(start, at + 1))
        yield { text: decode(decoder, Buffer.concat(begun), startLine), line: startLine }
        begun = []
        begunBytes = 0
        start = -1
        continue
      }
      if (byte === openBrace && frame !== 'over') {
        if (frame === 'start') frame = 'values'
        depth = 1
        start = at
        startLine = line
      } else if (byte === openBracket && frame === 'start') {
        frame = 'array'
      } else if (byte === closeBracket && frame === 'array') {
        frame = 'over'
      } else if (!isBlank(byte) && !(byte === comma && frame === 'array')) {
        throw invalidField(`line ${line}`, 'is no JSON object, nor the beginning or end of an array of them')
      }
    }
    if (start < 0) continue
    // A copy: whoever brought the piece may use its buffer again.
    begun.push(Buffer.from(bytes.subarray(start)))
    begunBytes += bytes.length - start
    if (begunBytes > maxValueBytes) throw invalidField(`line ${startLine}`, `is longer than ${maxValueBytes} bytes`)
  }
  if (depth > 0 || frame === 'array') {
    throw new HoldfastError(
      'DATA_LOSS',
      `The text ends at line ${line}, within ${depth > 0 ? 'an object' : 'its array'}: it was cut off`,
      {
        reason: 'TEXT_CUT_OFF',
        metadata: { line: String(line) },
      },
    )
  }
}

const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d
const comma = 0x2c

/** Space, tab, line feed, carriage return, and the three bytes of a byte order mark. */
function isBlank(byte: number): boolean {
  return (
    byte === 0x20 ||
    byte === 0x09 ||
    byte === newline ||
    byte === 0x0d ||
    byte === 0xef ||
    byte === 0xbb ||
    byte === 0xbf
  )
}

function decode(decoder: TextDecoder, bytes: Buffer, line: number): string {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    throw invalidField(`line ${line}`, 'is not UTF-8', { cause: error })
  }
}
