import { HoldfastError } from '@holdfast/errors'
import { transcriptionSampleRate } from '../transcription-model.js'
import { badAudio } from './audio-failures.js'
import { ByteReader } from './byte-reader.js'
import type { FfmpegOptions } from './ffmpeg-process.js'
import { type FfmpegInput, ffmpegSamples } from './ffmpeg-samples.js'
import { resampled } from './resampler.js'
import { sniff, sniffBytes } from './sniff.js'
import { cutOff, wavSamples } from './wav.js'
import { readWavHeader } from './wav-header.js'

export interface OpenAudioOptions {
  readonly signal?: AbortSignal
  /** Longer audio is refused when it gets there; default 14,400,000 (4 hours). */
  readonly maxDurationMs?: number
  /** Default 2 GiB. */
  readonly maxBytes?: number
  /** Samples a second that come out; default 16,000, as transcription models hear. */
  readonly sampleRate?: number
  readonly ffmpeg?: Omit<FfmpegOptions, 'signal'>
}

export interface OpenedAudio {
  /** `WAV`, `FLAC`, `MP3`, `Ogg`, `MP4`, `WebM`, `AIFF`, `AU`, `AAC`. */
  readonly container: string
  /** Mono, between -1 and 1, read as they are asked for: memory does not grow with the file. Once only. */
  readonly samples: AsyncIterable<Float32Array>
}

/** Opens audio whatever its name says: WAV by itself, all else by ffmpeg.
 *  @throws INVALID_ARGUMENT with AUDIO_EMPTY, NOT_AUDIO, AUDIO_TRUNCATED, AUDIO_DAMAGED, AUDIO_UNSUPPORTED or AUDIO_TOO_LONG, at once or from
 *  `samples`; FAILED_PRECONDITION with FFMPEG_MISSING; DEADLINE_EXCEEDED when ffmpeg stalls; CANCELLED */
export async function openAudio(
  source: AsyncIterable<Uint8Array> | Uint8Array,
  { signal, sampleRate = transcriptionSampleRate, ffmpeg = {}, ...limits }: OpenAudioOptions = {},
): Promise<OpenedAudio> {
  const { maxDurationMs = 4 * 3_600_000, maxBytes = 2 * 1024 ** 3 } = limits
  const bytes = source instanceof Uint8Array ? once(source) : source
  const reader = new ByteReader(counted(bytes, maxBytes, signal))
  const options = { ...ffmpeg, signal }
  const bounded = (container: string, samples: AsyncIterable<Float32Array>): OpenedAudio => ({
    container,
    samples: checked(samples, (maxDurationMs / 1000) * sampleRate, maxDurationMs),
  })
  try {
    const found = sniff(await reader.peek(sniffBytes))
    if (found.kind === 'wav') {
      const { format, formatChunk, dataBytes } = await readWavHeader(reader)
      if (format !== undefined) {
        return bounded('WAV', resampled(wavSamples(reader, format, dataBytes), format.sampleRate, sampleRate))
      }
      const input: FfmpegInput = { name: 'WAV', demuxer: 'wav', seekable: false }
      return bounded('WAV', ffmpegSamples(input, wavOf(formatChunk, dataBytes, reader), sampleRate, options))
    }
    if (found.kind === 'audio' || found.kind === 'video-or-audio') {
      const input: FfmpegInput = { seekable: false, ...found }
      return bounded(found.name, ffmpegSamples(input, reader.rest(), sampleRate, options))
    }
    if ((await reader.peek(1)).length === 0) throw badAudio('AUDIO_EMPTY', 'is empty: it has no bytes')
    if (found.kind === 'other') throw badAudio('NOT_AUDIO', `is ${found.name}, not sound`)
    throw badAudio(
      'AUDIO_UNSUPPORTED',
      "is of no known kind: send WAV, or FLAC, MP3, Ogg, M4A, WebM, AAC, AIFF or AU (samples without a header need WAV's)",
    )
  } catch (error) {
    await reader.end()
    throw error
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0
  for await (const bytes of source) {
    if (signal?.aborted === true) throw new HoldfastError('CANCELLED', 'Reading the audio was cancelled')
    count += bytes.length
    if (count > maxBytes) throw badAudio('AUDIO_TOO_LONG', `has more than the ${maxBytes} bytes that are allowed`)
    yield bytes
  }
}

async function* checked(
  samples: AsyncIterable<Float32Array>,
  maxSamples: number,
  maxDurationMs: number,
): AsyncGenerator<Float32Array, void, undefined> {
  let count = 0
  for await (const chunk of samples) {
    count += chunk.length
    if (count > maxSamples) {
      throw badAudio(
        'AUDIO_TOO_LONG',
        `lasts longer than the ${Math.round(maxDurationMs / 1000)} seconds that are allowed`,
      )
    }
    yield chunk
  }
  if (count === 0) throw badAudio('AUDIO_EMPTY', 'holds no sound: it has a header and no samples')
}

/** The file once more, from what was read of it and what was not. */
async function* wavOf(
  formatChunk: Uint8Array,
  dataBytes: number | undefined,
  reader: ByteReader,
): AsyncGenerator<Uint8Array, void, undefined> {
  const size = (count: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(count)
    return bytes
  }
  const unknown = 0xffffffff
  const padded = formatChunk.length % 2 === 0 ? formatChunk : Buffer.concat([formatChunk, Buffer.alloc(1)])
  yield Buffer.concat([
    Buffer.from('RIFF'),
    size(unknown),
    Buffer.from('WAVEfmt '),
    size(formatChunk.length),
    padded,
    Buffer.from('data'),
    size(dataBytes ?? unknown),
  ])
  let count = 0
  for await (const bytes of reader.rest()) {
    count += bytes.length
    yield bytes
  }
  if (dataBytes !== undefined && count < dataBytes) throw cutOff(dataBytes, count)
}
