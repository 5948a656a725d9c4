import { HoldfastError } from '@holdfast/errors'
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SpeakOptions, SpeechEvent } from '../../speech-model.js'
import { fliteModel } from './flite-model.js'

type Audio = Extract<SpeechEvent, { type: 'audio' }>
type Finish = Extract<SpeechEvent, { type: 'finish' }>

const model = fliteModel()

async function speak(text: string, options?: SpeakOptions): Promise<{ audio: Audio[]; finish: Finish }> {
  const audio: Audio[] = []
  let finish: Finish | undefined
  for await (const event of model.speak(text, options)) {
    assert.equal(finish, undefined)
    if (event.type === 'audio') audio.push(event)
    else finish = event
  }
  assert.ok(finish !== undefined)
  return { audio, finish }
}

function energyOf(samples: Float32Array): number {
  return samples.reduce((sum, one) => sum + one * one, 0) / samples.length
}

/** The middle of the pitches of all loud moments, in hertz. */
function pitchOf(samples: Float32Array): number {
  const size = 800
  const pitches: number[] = []
  for (let from = 0; from + 2 * size < samples.length; from += size) {
    if (energyOf(samples.subarray(from, from + size)) < 0.003) continue
    let best = 0
    let bestLag = 0
    for (let lag = 50; lag <= 200; lag += 1) {
      let sum = 0
      for (let index = from; index < from + size; index += 1) sum += (samples[index] ?? 0) * (samples[index + lag] ?? 0)
      if (sum > best) {
        best = sum
        bestLag = lag
      }
    }
    pitches.push(16_000 / bestLag)
  }
  return pitches.toSorted((a, b) => a - b)[pitches.length >> 1] ?? 0
}

const invalid = (field: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof HoldfastError, String(error))
  assert.equal(error.code, 'INVALID_ARGUMENT')
  assert.equal(error.fields[0]?.field, field)
  assert.match(error.message, words)
  return true
}

describe('flite', () => {
  after(() => model[Symbol.asyncDispose]())

  it('says whether it is installed, and loads nothing for it', async () => {
    const check = await model.check()
    assert.equal(check.ok, true, check.detail)
    assert.equal(model.state().status, 'unloaded')
  })

  it('speaks sentence by sentence', async () => {
    const { audio, finish } = await speak('Dr. Brown is here. He brought 3 books! Shall we read?')
    assert.deepEqual(
      audio.map(({ text, sentence }) => [sentence, text]),
      [
        [0, 'Dr. Brown is here.'],
        [1, 'He brought 3 books!'],
        [2, 'Shall we read?'],
      ],
    )
    for (const { samples } of audio) {
      assert.ok(samples.length > 8_000 && samples.every((one) => one >= -1 && one <= 1))
      assert.ok(energyOf(samples) > 1e-4)
    }
    const samples = audio.reduce((sum, { samples }) => sum + samples.length, 0)
    assert.equal(finish.durationMs, Math.round(samples / 16))
    assert.equal(finish.usage.audioMs, finish.durationMs)
    assert.equal(finish.usage.characters, 53)
    assert.ok((finish.usage.computeMs ?? 0) > 0)
  })

  it('gives the first sound long before the last sentence is made, and makes none ahead but the next', async () => {
    const text = Array.from({ length: 12 }, (_, index) => `This is sentence number ${index + 1} of a long story.`).join(
      ' ',
    )
    const startedAt = performance.now()
    let first = 0
    for await (const event of model.speak(text)) {
      if (event.type === 'audio') first ||= performance.now() - startedAt
    }
    const all = performance.now() - startedAt
    assert.ok(first < all / 3, `${first} of ${all} ms`)
    for await (const event of model.speak(text)) {
      assert.equal(event.type, 'audio')
      break
    }
    await delay(300)
    assert.deepEqual(
      { running: model.state().running, queued: model.state().queued },
      { running: false, queued: 0 },
      'it works for nobody',
    )
  })

  it('says the same in the same way', async () => {
    const [one, other] = [await speak('The same words.'), await speak('The same words.')]
    assert.deepEqual(one.audio, other.audio)
  })

  it('has voices that differ, and a default', async () => {
    assert.deepEqual(
      model.voices.filter(({ isDefault }) => isDefault).map(({ id }) => id),
      ['slt'],
    )
    const spoken = await Promise.all(model.voices.map(({ id }) => speak('Good morning to all of you.', { voice: id })))
    const pitches = spoken.map(({ audio }) => pitchOf(audio[0]?.samples ?? new Float32Array(0)))
    assert.ok((pitches[0] ?? 0) > 1.3 * (pitches[1] ?? Infinity), `a woman and a man: ${pitches.join(', ')} Hz`)
    assert.equal(new Set(spoken.map(({ finish }) => finish.durationMs)).size, model.voices.length)
  })

  it('speaks faster and slower at the same pitch', async () => {
    const text = 'The rainbow is a division of white light into many beautiful colors.'
    const plain = await speak(text)
    for (const speed of [0.5, 0.8, 1.5, 2]) {
      const { audio, finish } = await speak(text, { speed })
      const ratio = plain.finish.durationMs / finish.durationMs
      assert.ok(Math.abs(ratio / speed - 1) < 0.1, `${ratio} at ${speed}`)
      const pitch =
        pitchOf(audio[0]?.samples ?? new Float32Array(0)) / pitchOf(plain.audio[0]?.samples ?? new Float32Array(0))
      assert.ok(Math.abs(pitch - 1) < 0.1, `pitch times ${pitch} at ${speed}`)
    }
  })

  it('refuses what it cannot say, naming what is wrong', async () => {
    await assert.rejects(
      speak('Hello', { voice: 'nobody' }),
      invalid('voice', /nobody, which flite does not have: it has slt, rms/),
    )
    await assert.rejects(speak('Hello', { voice: 'slt; rm -rf' }), invalid('voice', /does not have/))
    for (const speed of [0.49, 2.01, NaN]) await assert.rejects(speak('Hello', { speed }), invalid('speed', /0.5 to 2/))
    for (const text of ['', ' \n', '...', '日本語'])
      await assert.rejects(speak(text), invalid('text', /nothing that can be spoken/))
  })

  it('takes texts that look like options, markup or code for texts', async () => {
    for (const text of ['-o /tmp/owned.wav', '<speak>hi</speak>', '$(reboot) `id` %s %n', 'a'.repeat(600)]) {
      assert.ok((await speak(text)).finish.durationMs > 200)
    }
    assert.ok(!(await readdir(tmpdir())).includes('owned.wav'))
  })

  it('stops within 200 ms (p95) when it is cancelled', async () => {
    const text =
      'These words go on and on, and nobody knows when they will end, because nobody has written an end. '.repeat(100)
    const took: number[] = []
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController()
      const speech = speak(text, { signal: controller.signal })
      const settled = speech.then(
        () => 'ended',
        (error: unknown) => (error as HoldfastError).code,
      )
      await delay(20 + 17 * (round % 5))
      const at = performance.now()
      controller.abort()
      assert.equal(await settled, 'CANCELLED')
      took.push(performance.now() - at)
    }
    took.sort((a, b) => a - b)
    assert.ok((took[18] ?? Infinity) <= 200, took.map(Math.round).join(', '))
  })
})
