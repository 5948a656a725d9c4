import { HoldfastError } from '@holdfast/errors'
import assert from 'node:assert/strict'
import type { AudioFailureReason } from './audio-failures.js'

/** A sine. */
export function tone(hertz: number, seconds: number, sampleRate: number, amplitude = 0.5): Float32Array {
  return Float32Array.from(
    { length: Math.round(seconds * sampleRate) },
    (_, index) => amplitude * Math.sin((2 * Math.PI * hertz * index) / sampleRate),
  )
}

/** Root mean square, without the first and the last tenth, where filters begin and end. */
export function loudness(samples: Float32Array): number {
  const tenth = Math.floor(samples.length / 10)
  const middle = samples.subarray(tenth, samples.length - tenth)
  return Math.sqrt(middle.reduce((sum, one) => sum + one * one, 0) / middle.length)
}

export async function joined(chunks: AsyncIterable<Float32Array>): Promise<Float32Array> {
  const all: number[] = []
  for await (const chunk of chunks) for (const one of chunk) all.push(one)
  return Float32Array.from(all)
}

export async function* chunksOf<T extends Uint8Array | Float32Array>(all: T, size: number): AsyncGenerator<T> {
  for (let from = 0; from < all.length; from += size) yield all.subarray(from, from + size) as T
}

export function isBadAudio(reason: AudioFailureReason, words: RegExp = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof HoldfastError, String(error))
    assert.equal(error.code, 'INVALID_ARGUMENT', error.message)
    assert.equal(error.reason, reason, error.message)
    assert.equal(error.fields[0]?.field, 'audio')
    assert.match(error.message, words)
    return true
  }
}
