import { endianness } from 'node:os'

/** How samples lie in bytes; little-endian, the channels of a moment side by side. */
export interface PcmFormat {
  readonly encoding: 'integer' | 'float'
  readonly bits: number
  readonly channels: number
}

/** Bytes of whole frames to mono samples between -1 and 1: the mean of the channels. What is not a number becomes silence. */
export function monoFromPcm(bytes: Uint8Array, { encoding, bits, channels }: PcmFormat): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = bits / 8
  const read = sampleReader(view, encoding, bits)
  const frames = Math.floor(bytes.length / (size * channels))
  const samples = new Float32Array(frames)
  for (let frame = 0, at = 0; frame < frames; frame += 1) {
    let sum = 0
    for (let channel = 0; channel < channels; channel += 1, at += size) sum += read(at)
    const mean = sum / channels
    samples[frame] = mean > 1 ? 1 : mean < -1 ? -1 : Number.isNaN(mean) ? 0 : mean
  }
  return samples
}

function sampleReader(view: DataView, encoding: 'integer' | 'float', bits: number): (at: number) => number {
  if (encoding === 'float') return bits === 64 ? (at) => view.getFloat64(at, true) : (at) => view.getFloat32(at, true)
  // Of these sizes, only 8 bits are unsigned.
  if (bits === 8) return (at) => (view.getUint8(at) - 128) / 0x80
  if (bits === 16) return (at) => view.getInt16(at, true) / 0x8000
  if (bits === 24) return (at) => ((view.getUint8(at + 2) << 24) | (view.getUint16(at, true) << 8)) / 0x80000000
  return (at) => view.getInt32(at, true) / 0x80000000
}

const isLittleEndian = endianness() === 'LE'

/** Samples between -1 and 1 as 16 bits, what is louder clipped. */
export function pcm16(samples: Float32Array): Uint8Array {
  const levels = new Int16Array(samples.length)
  // By index: `entries` makes a pair for each sample, 36 MB of them for half a minute of speech.
  for (let index = 0; index < samples.length; index += 1) {
    const level = (samples[index] as number) * 0x8000
    // Math.round takes three times as long.
    levels[index] = Math.floor((level > 0x7fff ? 0x7fff : level < -0x8000 ? -0x8000 : level) + 0.5)
  }
  const bytes = Buffer.from(levels.buffer)
  return isLittleEndian ? bytes : bytes.swap16()
}
