import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { chunksOf, joined, loudness, tone } from './audio-for-tests.js'
import { resampled } from './resampler.js'

const rates = [8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000]

async function resample(samples: Float32Array, from: number, to: number, size = 4_096): Promise<Float32Array> {
  return joined(resampled(chunksOf(samples, size), from, to))
}

describe('resampled', () => {
  for (const rate of rates) {
    it(`keeps a tone of 1 kHz as loud and as long as it was, from ${rate} to 16,000 samples a second`, async () => {
      const output = await resample(tone(1_000, 0.5, rate), rate, 16_000)
      assert.ok(Math.abs(output.length - 8_000) <= 1, `${output.length} samples`)
      assert.ok(Math.abs(loudness(output) / (0.5 / Math.SQRT2) - 1) < 0.005)
      // The tone itself, not only its loudness.
      const error = output.map((one, index) => one - 0.5 * Math.sin((2 * Math.PI * 1_000 * index) / 16_000))
      assert.ok(loudness(error) < 0.001, `${loudness(error)}`)
    })
  }

  for (const rate of rates.filter((rate) => rate > 20_000)) {
    it(`lets nothing through that 16,000 samples a second cannot hold, from ${rate}`, async () => {
      const output = await resample(tone(9_000, 0.3, rate), rate, 16_000)
      assert.ok(20 * Math.log10(loudness(output) / (0.5 / Math.SQRT2)) < -60, `${loudness(output)}`)
    })
  }

  it('passes a constant unchanged', async () => {
    const output = await resample(new Float32Array(4_410).fill(0.25), 44_100, 16_000)
    for (const one of output.subarray(100, 1_500)) assert.ok(Math.abs(one - 0.25) < 1e-5)
  })

  it('gives the same whatever the size of the chunks', async () => {
    const samples = tone(440, 0.1, 44_100)
    const whole = await resample(samples, 44_100, 16_000, samples.length)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3_000 }), async (size) => {
        assert.deepEqual(await resample(samples, 44_100, 16_000, size), whole)
      }),
      { numRuns: 20 },
    )
  })

  it('leaves samples of the same rate alone', async () => {
    const samples = tone(440, 0.1, 16_000)
    assert.deepEqual(await resample(samples, 16_000, 16_000, 100), samples)
  })
})
