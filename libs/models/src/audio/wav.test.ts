import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { chunksOf, isBadAudio, joined, loudness, tone } from './audio-for-tests.js'
import { openAudio } from './open-audio.js'
import { wavFile, wavHeader } from './wav.js'

interface Form {
  readonly coding: 1 | 3
  readonly bits: number
  readonly channels?: number
  readonly rate?: number
  readonly extensible?: boolean
}

/** A WAV file as others write them, every channel the same. */
function file(samples: Float32Array, { coding, bits, channels = 1, rate = 16_000, extensible = false }: Form): Buffer {
  const size = bits / 8
  const data = Buffer.alloc(samples.length * channels * size)
  for (let index = 0; index < samples.length * channels; index += 1) {
    const one = samples[Math.floor(index / channels)] ?? 0
    const at = index * size
    if (coding === 3) {
      if (bits === 32) data.writeFloatLE(one, at)
      else data.writeDoubleLE(one, at)
    } else if (bits === 8) data.writeUInt8(Math.round(one * 127) + 128, at)
    else data.writeIntLE(Math.round(one * (2 ** (bits - 1) - 1)), at, size)
  }
  const format = Buffer.alloc(extensible ? 40 : 16)
  format.writeUInt16LE(extensible ? 0xfffe : coding, 0)
  format.writeUInt16LE(channels, 2)
  format.writeUInt32LE(rate, 4)
  format.writeUInt32LE(rate * channels * size, 8)
  format.writeUInt16LE(channels * size, 12)
  format.writeUInt16LE(bits, 14)
  if (extensible) format.writeUInt16LE(coding, 24)
  return riff(chunk('fmt ', format), chunk('LIST', Buffer.from('odd')), chunk('data', data))
}

function chunk(name: string, bytes: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.write(name, 'latin1')
  header.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([header, bytes, Buffer.alloc(bytes.length % 2)])
}

function riff(...chunks: readonly Buffer[]): Buffer {
  const all = Buffer.concat(chunks)
  const header = Buffer.from('RIFF\0\0\0\0WAVE', 'latin1')
  header.writeUInt32LE(all.length + 4, 4)
  return Buffer.concat([header, all])
}

async function samplesOf(bytes: Uint8Array, size = bytes.length): Promise<Float32Array> {
  return joined((await openAudio(chunksOf(bytes, Math.max(1, size)))).samples)
}

const sound = tone(440, 0.25, 16_000)

function assertClose(actual: Float32Array, expected: Float32Array, tolerance: number): void {
  assert.equal(actual.length, expected.length)
  for (const [index, one] of actual.entries())
    assert.ok(Math.abs(one - (expected[index] ?? NaN)) <= tolerance, `${index}`)
}

describe('WAV', () => {
  for (const form of [
    { coding: 1, bits: 8 },
    { coding: 1, bits: 16 },
    { coding: 1, bits: 24 },
    { coding: 1, bits: 32 },
    { coding: 3, bits: 32 },
    { coding: 3, bits: 64 },
    { coding: 1, bits: 16, channels: 2 },
    { coding: 1, bits: 24, channels: 6, extensible: true },
    { coding: 3, bits: 32, extensible: true },
  ] satisfies Form[]) {
    it(`is read: ${JSON.stringify(form)}`, async () => {
      assertClose(await samplesOf(file(sound, form)), sound, form.bits === 8 ? 0.01 : 1e-4)
    })
  }

  it('is read at another rate', async () => {
    const samples = await samplesOf(file(tone(440, 0.25, 44_100), { coding: 1, bits: 16, rate: 44_100, channels: 2 }))
    assert.ok(Math.abs(samples.length - 4_000) <= 1)
    assert.ok(Math.abs(loudness(samples) - loudness(sound)) < 0.002)
  })

  it('is read the same in chunks of any size', async () => {
    const bytes = file(sound.subarray(0, 800), { coding: 1, bits: 24, channels: 2 })
    const whole = await samplesOf(bytes)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 200 }), async (size) => {
        assert.deepEqual(await samplesOf(bytes, size), whole)
      }),
      { numRuns: 20 },
    )
  })

  it('is written as it is read', async () => {
    assertClose(await samplesOf(wavFile(sound, 16_000)), sound, 1 / 0x8000)
    assertClose(await samplesOf(wavFile(new Float32Array([2, -2, 0]), 16_000)), new Float32Array([1, -1, 0]), 1e-4)
  })

  it('goes on to its end when it was written as a stream', async () => {
    const whole = wavFile(sound, 16_000)
    const stream = Buffer.concat([wavHeader(16_000), whole.subarray(44)])
    assert.deepEqual(await samplesOf(stream), await samplesOf(whole))
  })

  it('turns what is not a number into silence and clips what is too loud', async () => {
    const samples = await samplesOf(file(new Float32Array([NaN, Infinity, -3, 0.5]), { coding: 3, bits: 32 }))
    assert.deepEqual([...samples], [0, 1, -1, 0.5])
  })
})

describe('a bad WAV file', () => {
  const good = file(sound, { coding: 1, bits: 16 })

  it('that was cut off is refused wherever it was cut', async () => {
    for (let length = 12; length < good.length; length += length < 80 ? 1 : 997) {
      await assert.rejects(samplesOf(good.subarray(0, length)), isBadAudio('AUDIO_TRUNCATED'), `at ${length}`)
    }
  })

  it('without samples is empty', async () => {
    await assert.rejects(samplesOf(wavFile(new Float32Array(0), 16_000)), isBadAudio('AUDIO_EMPTY'))
  })

  const format = (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(good)
    change(bytes.subarray(20, 36))
    return bytes
  }
  for (const [name, bytes, reason, words] of [
    ['with a rate of 0', format((f) => f.writeUInt32LE(0, 4)), 'AUDIO_DAMAGED', /0 samples a second/],
    ['with an absurd rate', format((f) => f.writeUInt32LE(4e9, 4)), 'AUDIO_DAMAGED', /4000000000 samples a second/],
    ['with no channel', format((f) => f.writeUInt16LE(0, 2)), 'AUDIO_DAMAGED', /0 channels/],
    ['with 65,535 channels', format((f) => f.writeUInt16LE(65_535, 2)), 'AUDIO_DAMAGED', /65535 channels/],
    ['with samples of 13 bits', format((f) => f.writeUInt16LE(13, 14)), 'AUDIO_UNSUPPORTED', /13-bit/],
    ['that contradicts itself', format((f) => f.writeUInt16LE(7, 12)), 'AUDIO_DAMAGED', /contradicts/],
    ['without a format', riff(chunk('data', Buffer.alloc(100))), 'AUDIO_DAMAGED', /without a format/],
    ['with a format of 4 GB', riff(chunk('fmt ', Buffer.alloc(5_000))), 'AUDIO_DAMAGED', /a format of 5000 bytes/],
  ] as const) {
    it(`${name} is refused`, async () => {
      await assert.rejects(samplesOf(bytes), isBadAudio(reason, words))
    })
  }

  it('of random bytes behind a good beginning never ends in anything but an error of the project or samples', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (junk) => {
        try {
          await samplesOf(Buffer.concat([good.subarray(0, 12), junk]), 64)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'INVALID_ARGUMENT', String(error))
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('a WAV file of 1 GB', () => {
  // Few and wide frames, so that a test has the time to read them all.
  const form = { coding: 3, bits: 64, channels: 16, rate: 96_000 } as const
  async function* gigabyte(): AsyncGenerator<Uint8Array> {
    const header = file(new Float32Array(0), form)
    header.writeUInt32LE(2 ** 30, header.length - 4)
    yield header
    const silence = Buffer.alloc(2 ** 20)
    for (let megabyte = 0; megabyte < 1024; megabyte += 1) yield silence
  }

  it('is read in little memory', async () => {
    const before = process.memoryUsage().rss
    let most = before
    let samples = 0
    for await (const chunk of (await openAudio(gigabyte())).samples) {
      samples += chunk.length
      most = Math.max(most, process.memoryUsage().rss)
    }
    assert.equal(samples, Math.ceil((2 ** 30 / 128 / 96_000) * 16_000))
    assert.ok(most - before < 100 * 2 ** 20, `${(most - before) / 2 ** 20} MiB more`)
  })

  it('is refused as soon as it is longer than allowed', async () => {
    let read = 0
    const counted = (async function* () {
      for await (const bytes of gigabyte()) {
        read += bytes.length
        yield bytes
      }
    })()
    const { samples } = await openAudio(counted, { maxDurationMs: 5_000 })
    await assert.rejects(joined(samples), isBadAudio('AUDIO_TOO_LONG', /longer than the 5 seconds/))
    assert.ok(read < 100 * 2 ** 20)
    await assert.rejects(
      async () => joined((await openAudio(gigabyte(), { maxBytes: 10_000_000 })).samples),
      isBadAudio('AUDIO_TOO_LONG', /10000000 bytes/),
    )
  })
})
