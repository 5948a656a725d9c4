import { HoldfastError } from '@holdfast/errors'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chunksOf, isBadAudio, joined } from './audio-for-tests.js'
import { encodedAudio } from './encode-audio.js'
import { openAudio } from './open-audio.js'
import { wavFile } from './wav.js'

const flac = Buffer.from('fLaC\0\0\0\x22'.padEnd(100, '\0'), 'latin1')

describe('openAudio', () => {
  it('says what came instead of audio', async () => {
    const cases: readonly (readonly [Buffer, Parameters<typeof isBadAudio>[0], RegExp])[] = [
      [Buffer.alloc(0), 'AUDIO_EMPTY', /audio is empty: it has no bytes/],
      [Buffer.from('\x89PNG\r\n\x1A\n', 'latin1'), 'NOT_AUDIO', /is a PNG picture, not sound/],
      [Buffer.from('<html><body>502 Bad Gateway'), 'NOT_AUDIO', /HTML/],
      [Buffer.from('#EXTM3U\nfile:///etc/passwd\n'), 'NOT_AUDIO', /is a text/],
      [Buffer.alloc(100, 7), 'AUDIO_UNSUPPORTED', /no known kind/],
    ]
    for (const [bytes, reason, words] of cases) await assert.rejects(openAudio(bytes), isBadAudio(reason, words))
  })

  it('names ffmpeg where it is missing, and how to get it', async () => {
    const ffmpeg = { command: '/nowhere/ffmpeg' }
    const missing = (error: unknown) => {
      assert.ok(error instanceof HoldfastError)
      assert.equal(error.code, 'FAILED_PRECONDITION')
      assert.equal(error.reason, 'FFMPEG_MISSING')
      assert.match(
        error.message,
        /FLAC audio needs ffmpeg, which is not installed: install it .*apt-get install ffmpeg/,
      )
      return true
    }
    await assert.rejects(async () => joined((await openAudio(flac, { ffmpeg })).samples), missing)
    await assert.rejects(encodedAudio(new Float32Array(100), 16_000, 'flac', ffmpeg), missing)
  })

  it('needs none for WAV', async () => {
    const { container, samples } = await openAudio(wavFile(new Float32Array(320), 16_000), {
      ffmpeg: { command: '/nowhere' },
    })
    assert.equal(container, 'WAV')
    assert.equal((await joined(samples)).length, 320)
  })

  it('lets go of its source when it refuses it, and when nobody reads on', async () => {
    let ended = 0
    const source = async function* (bytes: Uint8Array) {
      try {
        yield* chunksOf(bytes, 100)
      } finally {
        ended += 1
      }
    }
    await assert.rejects(openAudio(source(Buffer.alloc(1_000, 7))))
    assert.equal(ended, 1)
    for await (const _ of (await openAudio(source(wavFile(new Float32Array(32_000), 16_000)))).samples) break
    assert.equal(ended, 2)
  })

  it('passes on what the source throws', async () => {
    const broken = (async function* () {
      yield wavFile(new Float32Array(100), 16_000).subarray(0, 100)
      throw new HoldfastError('UNAVAILABLE', 'The blob is away')
    })()
    await assert.rejects(async () => joined((await openAudio(broken)).samples), { code: 'UNAVAILABLE' })
  })
})
