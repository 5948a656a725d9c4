import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { PauseCutter, type Piece } from './pause-cutter.js'

const rate = 16_000

/** Seconds of speech (positive) and of pause (negative), one after the other. Speech is a hum that swells four times a second. */
function audio(seconds: readonly number[], noise = 0.0005): Float32Array {
  const lengths = seconds.map((one) => Math.round(Math.abs(one) * rate))
  const samples = new Float32Array(lengths.reduce((sum, one) => sum + one, 0))
  let random = 1
  let at = 0
  for (const [part, length] of lengths.entries()) {
    const isSpeech = (seconds[part] ?? 0) > 0
    for (let index = 0; index < length; index += 1, at += 1) {
      random = (random * 1_103_515_245 + 12_345) % 2 ** 31
      samples[at] = noise * (random / 2 ** 30 - 1)
      const t = index / rate
      const hum = 0.2 * (0.6 + 0.4 * Math.sin(2 * Math.PI * 4 * t)) * Math.sin(2 * Math.PI * 180 * t)
      if (isSpeech) samples[at] = (samples[at] ?? 0) + hum
    }
  }
  return samples
}

function cut(samples: Float32Array, size = 1_600): { pieces: Piece[]; cutter: PauseCutter } {
  const cutter = new PauseCutter()
  const pieces: Piece[] = []
  for (let from = 0; from < samples.length; from += size)
    pieces.push(...cutter.push(samples.subarray(from, from + size)))
  const last = cutter.end()
  if (last !== undefined) pieces.push(last)
  return { pieces, cutter }
}

function assertNear(actual: number | undefined, expected: number): void {
  assert.ok(Math.abs((actual ?? NaN) - expected) <= 60, `${actual} is not near ${expected}`)
}

describe('PauseCutter', () => {
  it('cuts at pauses, and knows where speech begins and ends', () => {
    const { pieces, cutter } = cut(audio([-1, 2, -1, 3, -1.5]))
    assert.equal(pieces.length, 2)
    assertNear(pieces[0]?.startMs, 1_000)
    assertNear(pieces[0]?.endMs, 3_000)
    assertNear(pieces[1]?.startMs, 4_000)
    assertNear(pieces[1]?.endMs, 7_000)
    assert.equal(cutter.durationMs, 8_500)
    assertNear(cutter.silenceMs, 3_500)
  })

  it('leaves a short breath within a piece', () => {
    assert.equal(cut(audio([2, -0.3, 2, -0.3, 2])).pieces.length, 1)
  })

  it('takes a shorter pause the longer it goes on', () => {
    const { pieces } = cut(audio([9, -0.5, 9, -0.5, 9, -0.5, 9, -0.5]))
    assert.equal(pieces.length, 4)
  })

  it('cuts speech without any pause at a quiet moment, before 30 s', () => {
    const { pieces } = cut(audio([70]))
    assert.ok(pieces.length >= 3)
    for (const { samples } of pieces) assert.ok(samples.length <= 30 * rate)
    const heard = pieces.reduce((sum, { samples }) => sum + samples.length, 0)
    assert.ok(Math.abs(heard - 70 * rate) < rate / 2, `${heard / rate} s of 70`)
    for (const [index, { startMs }] of pieces.slice(1).entries()) assert.equal(startMs, pieces[index]?.endMs)
  })

  it('hears speech over noise that is 20 dB below it, and none in the noise', () => {
    const { pieces } = cut(audio([-3, 2, -2], 0.02))
    assert.equal(pieces.length, 1)
    assertNear(pieces[0]?.startMs, 3_000)
    assertNear(pieces[0]?.endMs, 5_000)
  })

  it('hears nothing in silence, digital or not, and in a click', () => {
    assert.deepEqual(cut(new Float32Array(rate * 5)).pieces, [])
    assert.deepEqual(cut(new Float32Array(rate * 5).fill(0.3)).pieces, [])
    assert.deepEqual(cut(audio([-5])).pieces, [])
    const click = audio([-3])
    click[rate] = 0.9
    assert.deepEqual(cut(click).pieces, [])
    const { cutter } = cut(new Float32Array(rate * 5))
    assert.equal(cutter.silenceMs, 5_000)
  })

  it('shows the unfinished piece', () => {
    const cutter = new PauseCutter()
    cutter.push(audio([-1]))
    assert.equal(cutter.unfinished(), undefined)
    cutter.push(audio([1.5]))
    const piece = cutter.unfinished()
    assertNear(piece?.startMs, 1_000)
    assert.ok((piece?.samples.length ?? 0) >= 1.5 * rate - 320)
  })

  it('gives the same pieces whatever the size of the chunks, in order, each at most 30 s, within the audio', () => {
    const part = fc.oneof(
      fc.double({ min: 0.1, max: 35, noNaN: true }),
      fc.double({ min: -2, max: -0.05, noNaN: true }),
    )
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 300, max: 50_000 }),
        (parts, size) => {
          const samples = audio(parts)
          const { pieces, cutter } = cut(samples, size)
          assert.deepEqual(pieces, cut(samples, samples.length).pieces)
          let before = 0
          for (const piece of pieces) {
            assert.ok(
              piece.startMs >= before && piece.endMs > piece.startMs,
              JSON.stringify([before, piece.startMs, piece.endMs]),
            )
            assert.ok(piece.samples.length <= 30 * rate)
            before = piece.endMs
          }
          assert.ok(before <= cutter.durationMs)
          assert.ok(cutter.silenceMs >= 0 && cutter.silenceMs <= cutter.durationMs)
        },
      ),
      { numRuns: 15 },
    )
  })
})
