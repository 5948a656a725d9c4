import { invalidField } from '@holdfast/errors'
import { FfmpegFailure, type FfmpegOptions, runFfmpeg } from './ffmpeg-process.js'
import { pcm16 } from './pcm.js'
import { wavFile, wavHeader } from './wav.js'

/** `pcm`: 16 bits, little-endian, mono, without a header. `wav` and `pcm` need nothing, the others ffmpeg. */
export type AudioFormat = 'wav' | 'pcm' | 'mp3' | 'opus' | 'flac' | 'm4a'

interface Encoding {
  readonly contentType: string
  readonly fileExtension: string
  /** Of ffmpeg, behind the input. */
  readonly args?: readonly string[]
}

/** Bit rates for speech of one voice. */
const encodings: Readonly<Record<AudioFormat, Encoding>> = {
  wav: { contentType: 'audio/wav', fileExtension: 'wav' },
  pcm: { contentType: 'audio/pcm', fileExtension: 'pcm' },
  mp3: { contentType: 'audio/mpeg', fileExtension: 'mp3', args: ['-c:a', 'libmp3lame', '-b:a', '64k', '-f', 'mp3'] },
  opus: { contentType: 'audio/ogg', fileExtension: 'ogg', args: ['-c:a', 'libopus', '-b:a', '32k', '-f', 'ogg'] },
  flac: { contentType: 'audio/flac', fileExtension: 'flac', args: ['-c:a', 'flac', '-f', 'flac'] },
  // In fragments: into a pipe, nothing can be written afterwards at its beginning.
  m4a: {
    contentType: 'audio/mp4',
    fileExtension: 'm4a',
    args: ['-c:a', 'aac', '-b:a', '64k', '-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-f', 'mp4'],
  },
}

export const audioFormats: readonly AudioFormat[] = Object.keys(encodings) as AudioFormat[]

/** `audio/wav` and so on; of `pcm` with its rate. */
export function contentTypeOf(format: AudioFormat, sampleRate: number): string {
  const { contentType } = encodings[format]
  return format === 'pcm' ? `${contentType};rate=${sampleRate};channels=1;encoding=s16le` : contentType
}

/** Without a dot. */
export function fileExtensionOf(format: AudioFormat): string {
  return encodings[format].fileExtension
}

/** Mono samples as a file, piece by piece while they come. Of `wav`, the header says that the length is not known: as a stream.
 *  @throws FAILED_PRECONDITION with FFMPEG_MISSING; INVALID_ARGUMENT for a format that this ffmpeg cannot write; CANCELLED */
export async function* encodeAudio(
  samples: AsyncIterable<Float32Array>,
  sampleRate: number,
  format: AudioFormat,
  options: FfmpegOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { args } = encodings[format]
  if (args === undefined) {
    if (format === 'wav') yield wavHeader(sampleRate)
    for await (const chunk of samples) yield pcm16(chunk)
    return
  }
  const from = ['-f', 's16le', '-ar', String(sampleRate), '-ac', '1', '-i', 'pipe:0']
  const input = (async function* () {
    for await (const chunk of samples) yield pcm16(chunk)
  })()
  const run = runFfmpeg(
    `${format.toUpperCase()} audio`,
    ['-loglevel', 'error', ...from, ...args, 'pipe:1'],
    input,
    options,
  )
  try {
    yield* run.output
  } catch (error) {
    if (error instanceof FfmpegFailure && /Unknown encoder/.test(error.log)) {
      throw invalidField('format', `is ${format}, which the ffmpeg that is installed cannot write`, { cause: error })
    }
    throw error
  }
}

/** All samples at once as a whole file. */
export async function encodedAudio(
  samples: Float32Array,
  sampleRate: number,
  format: AudioFormat,
  options: FfmpegOptions = {},
): Promise<Uint8Array> {
  if (format === 'wav') return wavFile(samples, sampleRate)
  const one = (async function* () {
    yield samples
  })()
  const chunks: Uint8Array[] = []
  for await (const chunk of encodeAudio(one, sampleRate, format, options)) chunks.push(chunk)
  return Buffer.concat(chunks)
}
