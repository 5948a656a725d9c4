import { badAudio } from './audio-failures.js'
import type { ByteReader } from './byte-reader.js'

export interface WavFormat {
  readonly encoding: 'integer' | 'float'
  readonly bits: number
  readonly channels: number
  readonly sampleRate: number
  /** Of one sample of every channel. */
  readonly frameBytes: number
}

export interface WavHeader {
  /** `undefined`: a coding that only ffmpeg reads (A-law, ADPCM, MP3 in a WAV). */
  readonly format: WavFormat | undefined
  /** The chunk that says so, as it is. */
  readonly formatChunk: Uint8Array
  /** `undefined`: it was written as a stream and goes on to its end. */
  readonly dataBytes: number | undefined
}

export const sampleRates: { readonly lowest: number; readonly highest: number } = { lowest: 1_000, highest: 768_000 }
const maxChannels = 64
/** What a writer puts that does not know the length yet. */
const unknownLengths = new Set([0, 0xffffffff, 0x7fffffff])

/** Reads up to the first byte of the samples. Source: Microsoft, "New Multiple Channel Audio Data and WAVE Files"; RF64 is EBU Tech 3306. */
export async function readWavHeader(reader: ByteReader): Promise<WavHeader> {
  await reader.skip(12)
  let formatChunk: Buffer | undefined
  for (;;) {
    const header = Buffer.from(await reader.take(8))
    if (header.length < 8) throw badAudio('AUDIO_TRUNCATED', 'is a WAV file that ends before its samples begin')
    const name = header.toString('latin1', 0, 4)
    const size = header.readUInt32LE(4)
    if (name === 'data') {
      if (formatChunk === undefined)
        throw badAudio('AUDIO_DAMAGED', 'is a WAV file without a format before its samples')
      return {
        format: parseFormat(formatChunk),
        formatChunk,
        dataBytes: unknownLengths.has(size) ? undefined : size,
      }
    }
    if (name === 'fmt ') {
      if (size < 16 || size > 4096) throw badAudio('AUDIO_DAMAGED', `is a WAV file with a format of ${size} bytes`)
      formatChunk = Buffer.from(await reader.take(size))
      await reader.skip(size % 2)
    } else {
      await reader.skip(size + (size % 2))
    }
  }
}

function parseFormat(bytes: Buffer): WavFormat | undefined {
  if (bytes.length < 16) throw badAudio('AUDIO_TRUNCATED', 'is a WAV file that ends within its header')
  const plain = bytes.readUInt16LE(0)
  // Extensible: the coding is the beginning of a GUID.
  const coding = plain === 0xfffe && bytes.length >= 26 ? bytes.readUInt16LE(24) : plain
  const channels = bytes.readUInt16LE(2)
  const sampleRate = bytes.readUInt32LE(4)
  const frameBytes = bytes.readUInt16LE(12)
  const bits = bytes.readUInt16LE(14)
  if (channels === 0 || channels > maxChannels) {
    throw badAudio('AUDIO_DAMAGED', `is a WAV file with ${channels} channels: 1 to ${maxChannels} are read`)
  }
  if (sampleRate < sampleRates.lowest || sampleRate > sampleRates.highest) {
    throw badAudio(
      'AUDIO_DAMAGED',
      `is a WAV file with ${sampleRate} samples a second: ${sampleRates.lowest} to ${sampleRates.highest} are read`,
    )
  }
  const encoding = coding === 1 ? 'integer' : coding === 3 ? 'float' : undefined
  if (encoding === undefined) return undefined
  if (!(encoding === 'integer' ? [8, 16, 24, 32] : [32, 64]).includes(bits)) {
    throw badAudio('AUDIO_UNSUPPORTED', `is a WAV file with ${bits}-bit ${encoding} samples`)
  }
  if (frameBytes !== (channels * bits) / 8) {
    throw badAudio(
      'AUDIO_DAMAGED',
      `is a WAV file whose header contradicts itself: ${channels} channels of ${bits} bits in ${frameBytes} bytes`,
    )
  }
  return { encoding, bits, channels, sampleRate, frameBytes }
}
