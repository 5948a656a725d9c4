import { invalidField } from '@holdfast/errors'

/** How the bytes of a stream are to be read. `container`: a file as it is. */
export type StreamEncoding =
  | { readonly type: 'container' }
  | { readonly type: 'pcm-s16le' | 'pcm-f32le'; readonly sampleRate: number; readonly channels: number }

const sampleRates = { lowest: 4_000, highest: 192_000 }

/** @throws INVALID_ARGUMENT naming the field */
export function checkEncoding(encoding: StreamEncoding): void {
  if (encoding.type === 'container') return
  const { sampleRate, channels } = encoding
  if (!Number.isInteger(sampleRate) || sampleRate < sampleRates.lowest || sampleRate > sampleRates.highest) {
    const range = `${sampleRates.lowest} to ${sampleRates.highest}`
    throw invalidField('sampleRateHz', `is ${sampleRate}: samples without a header need it, from ${range}`)
  }
  if (channels !== 1 && channels !== 2) throw invalidField('channels', `is ${channels}: 1 or 2`)
}

/** A file of what was streamed: samples get the header of a WAV whose length is open. */
export async function* asFile(
  encoding: StreamEncoding,
  audio: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (encoding.type !== 'container') yield header(encoding)
  yield* audio
}

export function contentTypeOf(encoding: StreamEncoding): string {
  return encoding.type === 'container' ? 'application/octet-stream' : 'audio/wav'
}

function header({ type, sampleRate, channels }: Exclude<StreamEncoding, { type: 'container' }>): Uint8Array {
  const [coding, bits] = type === 'pcm-s16le' ? [1, 16] : [3, 32]
  const frameBytes = (channels * bits) / 8
  const open = 0xffffffff
  const bytes = Buffer.alloc(44)
  bytes.write('RIFF', 0, 'latin1')
  bytes.writeUInt32LE(open, 4)
  bytes.write('WAVEfmt ', 8, 'latin1')
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(coding, 20)
  bytes.writeUInt16LE(channels, 22)
  bytes.writeUInt32LE(sampleRate, 24)
  bytes.writeUInt32LE(sampleRate * frameBytes, 28)
  bytes.writeUInt16LE(frameBytes, 32)
  bytes.writeUInt16LE(bits, 34)
  bytes.write('data', 36, 'latin1')
  bytes.writeUInt32LE(open, 40)
  return bytes
}
