import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { badAudio } from './audio-failures.js'
import { FfmpegFailure, type FfmpegOptions, runFfmpeg } from './ffmpeg-process.js'
import { monoFromPcm } from './pcm.js'

export interface FfmpegInput {
  /** `FLAC`. */
  readonly name: string
  readonly demuxer: string
  /** Its table of contents may stand at its end: it is put into a temporary file first. */
  readonly seekable: boolean
}

/** In these, files of every day have a broken frame or something else between two frames, and every player goes on. */
const lenient = new Set(['mp3', 'aac'])

/** Mono samples of what ffmpeg can read. It is told which format to expect, so that no file can make it open another one.
 *  @throws INVALID_ARGUMENT with NOT_AUDIO for a video or a file without sound, AUDIO_TRUNCATED, AUDIO_DAMAGED; as runFfmpeg */
export async function* ffmpegSamples(
  input: FfmpegInput,
  source: AsyncIterable<Uint8Array>,
  sampleRate: number,
  options: FfmpegOptions,
): AsyncGenerator<Float32Array, void, undefined> {
  if (!input.seekable) {
    yield* decode(input, 'pipe:0', source, sampleRate, options)
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-audio-'))
  try {
    const path = join(folder, 'input')
    const file = await open(path, 'wx')
    try {
      for await (const bytes of source) {
        options.signal?.throwIfAborted()
        await file.writeFile(bytes)
      }
    } finally {
      await file.close()
    }
    yield* decode(input, path, undefined, sampleRate, options)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function* decode(
  { name, demuxer }: FfmpegInput,
  path: string,
  source: AsyncIterable<Uint8Array> | undefined,
  sampleRate: number,
  options: FfmpegOptions,
): AsyncGenerator<Float32Array, void, undefined> {
  const strict = lenient.has(demuxer) ? [] : ['-xerror', '-err_detect', 'explode']
  const from = [...strict, '-protocol_whitelist', 'pipe,file', '-f', demuxer, '-i', path]
  const to = ['-map', '0:a:0', '-vn', '-sn', '-dn', '-ac', '1', '-ar', String(sampleRate), '-f', 'f32le', 'pipe:1']
  const run = runFfmpeg(`${name} audio`, [...from, ...to], source, options, refuseVideo)
  const format = { encoding: 'float', bits: 32, channels: 1 } as const
  let rest: Uint8Array = new Uint8Array(0)
  try {
    for await (const chunk of run.output) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const whole = bytes.length - (bytes.length % 4)
      rest = bytes.slice(whole)
      if (whole > 0) yield monoFromPcm(bytes.subarray(0, whole), format)
    }
  } catch (error) {
    throw error instanceof FfmpegFailure ? failureOf(name, error) : error
  }
  // It may end well although a part could not be read.
  if (isTruncated(run.log())) throw badAudio('AUDIO_TRUNCATED', `is ${article(name)} file that was cut off`)
}

/** A cover picture is a video stream for ffmpeg, and says at the end of its line that it is attached: only whole lines are judged. */
function refuseVideo(log: string): void {
  const input = log.split(/^Output #0/m)[0] ?? ''
  for (const line of input.match(/^ *Stream #0:.*Video:.*\n/gm) ?? []) {
    if (line.includes('attached pic')) continue
    const codec = /Video: ([\w-]+)/.exec(line)?.[1] ?? 'unknown'
    throw badAudio('NOT_AUDIO', `is a video (${codec}): send its sound alone`)
  }
}

// What ffmpeg 4 to 7 write; its exit code does not say more than that it failed.
function failureOf(name: string, failure: FfmpegFailure): Error {
  const { log } = failure
  if (/matches no streams|does not contain any stream/.test(log)) {
    return badAudio('NOT_AUDIO', `is ${article(name)} file without sound`, failure)
  }
  if (isTruncated(log)) return badAudio('AUDIO_TRUNCATED', `is ${article(name)} file that was cut off`, failure)
  if (/Unknown input format|Decoder \(codec .*\) not found|Unknown decoder/.test(log)) {
    return badAudio('AUDIO_UNSUPPORTED', `is of a kind (${name}) that this ffmpeg does not read`, failure)
  }
  return badAudio(
    'AUDIO_DAMAGED',
    `is ${article(name)} file that cannot be read: it is damaged or was cut off`,
    failure,
  )
}

function isTruncated(log: string): boolean {
  return /moov atom not found|partial file|File ended prematurely|Truncat(?:ed|ing)|End of file/i.test(log)
}

function article(name: string): string {
  return /^(?:[AEO]|FLAC|M[PI])/.test(name) && name !== 'FLAC' ? `an ${name}` : `a ${name}`
}
