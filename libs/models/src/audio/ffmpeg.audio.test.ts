import { whyNoFfmpeg } from '@holdfast/test-servers'
import { HoldfastError } from '@holdfast/errors'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { chunksOf, isBadAudio, joined, loudness, tone } from './audio-for-tests.js'
import { audioFormats, contentTypeOf, encodedAudio } from './encode-audio.js'
import { runFfmpeg } from './ffmpeg-process.js'
import { openAudio } from './open-audio.js'
import { wavFile } from './wav.js'

const run = promisify(execFile)
const skip = (await whyNoFfmpeg()) ?? false

describe('audio by ffmpeg', { skip }, () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-ffmpeg-'))
    await writeFile(join(folder, 'in.wav'), wavFile(tone(440, 1, 44_100), 44_100))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  async function make(name: string, ...args: readonly string[]): Promise<Buffer> {
    const path = join(folder, name)
    await run('ffmpeg', ['-y', '-loglevel', 'error', '-i', join(folder, 'in.wav'), ...args, path])
    return readFile(path)
  }
  const picture = ['-f', 'lavfi', '-i', 'testsrc=d=1:s=64x64']

  for (const [name, container, ...args] of [
    ['a.flac', 'FLAC'],
    ['a.mp3', 'MP3'],
    ['a.ogg', 'Ogg', '-c:a', 'libvorbis'],
    ['a.opus', 'Ogg', '-c:a', 'libopus'],
    ['a.m4a', 'MP4'],
    ['a.webm', 'WebM'],
    ['a.aiff', 'AIFF'],
    ['a.aac', 'AAC'],
    ['a.au', 'AU'],
    ['mulaw.wav', 'WAV', '-c:a', 'pcm_mulaw'],
  ] as const) {
    it(`hears ${name}, whatever it is called`, async () => {
      const opened = await openAudio(chunksOf(await make(name, ...args), 1_000))
      assert.equal(opened.container, container)
      const samples = await joined(opened.samples)
      // Lossy codecs pad.
      assert.ok(Math.abs(samples.length - 16_000) < 2_500, `${samples.length} samples`)
      assert.ok(Math.abs(loudness(samples.subarray(2_000, 14_000)) - 0.5 / Math.SQRT2) < 0.02)
    })
  }

  it('hears music with a cover picture', async () => {
    const bytes = await make('cover.mp3', ...picture, '-map', '0:a', '-map', '1:v', '-frames:v', '1', '-c:v', 'png')
    assert.ok((await joined((await openAudio(bytes)).samples)).length > 14_000)
  })

  for (const name of ['v.mp4', 'v.webm']) {
    it(`refuses a video (${name}), with sound and without`, async () => {
      const silent = await make(name, ...picture, '-map', '1:v')
      await assert.rejects(async () => joined((await openAudio(silent)).samples), isBadAudio('NOT_AUDIO', /is a video/))
      const loud = await make(name, ...picture, '-map', '1:v', '-map', '0:a')
      await assert.rejects(async () => joined((await openAudio(loud)).samples), isBadAudio('NOT_AUDIO', /is a video/))
    })
  }

  for (const [name, reason] of [
    ['a.flac', /AUDIO_(?:TRUNCATED|DAMAGED)/],
    ['a.m4a', /AUDIO_TRUNCATED/],
    ['a.webm', /AUDIO_TRUNCATED/],
    ['mulaw.wav', /AUDIO_TRUNCATED/],
  ] as const) {
    it(`refuses a ${name} that was cut off`, async () => {
      const whole = await make(name, ...(name === 'mulaw.wav' ? ['-c:a', 'pcm_mulaw'] : []))
      const cut = whole.subarray(0, Math.floor(whole.length / 2))
      await assert.rejects(
        async () => joined((await openAudio(cut)).samples),
        (error) => error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT' && reason.test(error.reason),
      )
    })
  }

  it('refuses a beginning that promises what does not follow', async () => {
    for (const start of ['fLaC\0\0\0\x22', 'OggS\0\x02', 'ID3\x04', '\0\0\0\x1CftypM4A ', '\x1A\x45\xDF\xA3']) {
      const bytes = Buffer.concat([Buffer.from(start, 'latin1'), Buffer.alloc(2_000, 0x5a)])
      await assert.rejects(async () => joined((await openAudio(bytes)).samples), { code: 'INVALID_ARGUMENT' })
    }
  })

  it('is read no faster than it is taken', async () => {
    let read = 0
    const endless = (async function* () {
      const second = tone(440, 1, 16_000)
      yield* chunksOf(await encodedAudio(second, 16_000, 'flac'), 1_000)
      for (;;) {
        read += 1
        yield Buffer.alloc(65_536)
      }
    })()
    const { output } = runFfmpeg('RAW audio', ['-f', 's16le', '-i', 'pipe:0', '-f', 's16le', 'pipe:1'], endless)
    for await (const _ of output) {
      await new Promise((resolve) => setTimeout(resolve, 300))
      break
    }
    assert.ok(read < 100, `${read} chunks of 64 KiB`)
  })

  it('ends at once when it is cancelled', async () => {
    const controller = new AbortController()
    const silence = (async function* () {
      yield Buffer.from('fLaC', 'latin1')
      await new Promise((resolve) => setTimeout(resolve, 400))
    })()
    const { samples } = await openAudio(silence, { signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    const at = performance.now()
    await assert.rejects(joined(samples), { code: 'CANCELLED' })
    assert.ok(performance.now() - at < 350)
  })

  it('is killed when it does nothing for too long', async () => {
    const flac = await encodedAudio(tone(440, 5, 16_000), 16_000, 'flac')
    const over = new AbortController()
    const stuck = (async function* () {
      yield flac.subarray(0, flac.length / 2)
      await delay(60_000, undefined, { signal: over.signal }).catch(() => {})
    })()
    try {
      const { samples } = await openAudio(stuck, { ffmpeg: { stallMs: 200 } })
      await assert.rejects(joined(samples), { code: 'DEADLINE_EXCEEDED', reason: 'FFMPEG_STALLED' })
    } finally {
      over.abort()
    }
  })

  for (const format of audioFormats) {
    it(`writes ${format}, which is heard again`, async () => {
      const bytes = await encodedAudio(tone(440, 1, 16_000), 16_000, format)
      assert.match(contentTypeOf(format, 16_000), /^audio\//)
      if (format === 'pcm') {
        assert.equal(bytes.length, 32_000)
        return
      }
      const samples = await joined((await openAudio(bytes)).samples)
      assert.ok(Math.abs(loudness(samples.subarray(2_000, 14_000)) - 0.5 / Math.SQRT2) < 0.03)
    })
  }

  it('leaves no temporary file', async () => {
    assert.deepEqual(
      (await readdir(tmpdir())).filter((name) => name.startsWith('holdfast-audio-')),
      [],
    )
  })
})
