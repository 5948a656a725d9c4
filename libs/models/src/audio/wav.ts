import type { HoldfastError } from '@holdfast/errors'
import { badAudio } from './audio-failures.js'
import type { ByteReader } from './byte-reader.js'
import { monoFromPcm, pcm16 } from './pcm.js'
import type { WavFormat } from './wav-header.js'

const chunkBytes = 256 * 1024

/** The samples of a WAV file, mono, at its own rate, read as they are asked for.
 *  @param dataBytes as its header says @throws INVALID_ARGUMENT with AUDIO_TRUNCATED when there are fewer */
export async function* wavSamples(
  reader: ByteReader,
  format: WavFormat,
  dataBytes: number | undefined,
): AsyncGenerator<Float32Array, void, undefined> {
  const { frameBytes } = format
  // The bytes behind the last whole frame are no sound.
  const whole = dataBytes === undefined ? Infinity : dataBytes - (dataBytes % frameBytes)
  let rest: Uint8Array = new Uint8Array(0)
  let read = 0
  try {
    while (read < whole) {
      // What is there is heard at once: it may be a microphone.
      const some = await reader.some(Math.min(chunkBytes, whole - read))
      if (some === undefined) break
      read += some.length
      const bytes = rest.length === 0 ? some : Buffer.concat([rest, some])
      const frames = bytes.length - (bytes.length % frameBytes)
      rest = bytes.slice(frames)
      if (frames > 0) yield monoFromPcm(bytes.subarray(0, frames), format)
    }
    if (dataBytes !== undefined && read < whole) throw cutOff(dataBytes, read)
  } finally {
    await reader.end()
  }
}

export function cutOff(dataBytes: number, count: number): HoldfastError {
  return badAudio(
    'AUDIO_TRUNCATED',
    `is a WAV file that was cut off: it says ${dataBytes} bytes of sound and has ${count}`,
  )
}

/** The 44 bytes before mono samples of 16 bits.
 *  @param dataBytes default: not known yet, as in a stream */
export function wavHeader(sampleRate: number, dataBytes?: number): Uint8Array {
  const header = Buffer.alloc(44)
  const unknown = 0xffffffff
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(dataBytes === undefined ? unknown : dataBytes + 36, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(sampleRate, 24)
  header.writeUInt32LE(sampleRate * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(dataBytes ?? unknown, 40)
  return header
}

/** A whole WAV file of mono samples, 16 bits. */
export function wavFile(samples: Float32Array, sampleRate: number): Uint8Array {
  return Buffer.concat([wavHeader(sampleRate, samples.length * 2), pcm16(samples)])
}
