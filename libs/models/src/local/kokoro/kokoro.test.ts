import { HoldfastError } from '@holdfast/errors'
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SpeakOptions, SpeechEvent } from '../../speech-model.js'
import { kokoroSpeechModel } from './kokoro-model.js'

// HOLDFAST_TEST_KOKORO_FOLDER=.holdfast-models after `holdfast models install kokoro`: 330 MB that no test fetches.
const installed = process.env['HOLDFAST_TEST_KOKORO_FOLDER']
const skip = installed === undefined ? 'HOLDFAST_TEST_KOKORO_FOLDER names no folder with Kokoro in it' : false

describe('Kokoro that is not installed', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-kokoro-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it('says which command installs it, when it is checked and when it is called', async () => {
    await using model = kokoroSpeechModel({ folder })
    const check = await model.check()
    assert.deepEqual([check.ok, check.error?.reason], [false, 'MODEL_NOT_INSTALLED'])
    await assert.rejects(
      async () => {
        for await (const _ of model.speak('Hello.'));
      },
      (error: unknown) => {
        assert.ok(error instanceof HoldfastError)
        assert.deepEqual([error.code, error.reason], ['FAILED_PRECONDITION', 'MODEL_NOT_INSTALLED'])
        assert.match(error.message, /run holdfast models install kokoro$/)
        return true
      },
    )
  })

  it('is not taken for installed by what an interrupted installation leaves', async () => {
    for (const name of ['.kokoro-downloads', '.kokoro-assembly-1']) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'model.onnx'), '')
    }
    await using model = kokoroSpeechModel({ folder })
    assert.equal((await model.check()).ok, false)
  })
})

describe('Kokoro', { skip }, () => {
  const model = kokoroSpeechModel({ folder: installed ?? '' })
  after(() => model[Symbol.asyncDispose]())

  async function speak(text: string, options?: SpeakOptions) {
    const audio: Extract<SpeechEvent, { type: 'audio' }>[] = []
    let durationMs = 0
    for await (const event of model.speak(text, options)) {
      if (event.type === 'audio') audio.push(event)
      else durationMs = event.durationMs
    }
    return { audio, durationMs }
  }

  it('speaks sentence by sentence, the same in the same way', async () => {
    assert.equal((await model.check()).ok, true)
    const { audio, durationMs } = await speak('Dr. Brown is here. He brought 3 books!')
    assert.deepEqual(
      audio.map(({ text }) => text),
      ['Dr. Brown is here.', 'He brought 3 books!'],
    )
    for (const { samples } of audio) {
      assert.ok(samples.length > 12_000 && samples.every((one) => one >= -1 && one <= 1))
      assert.ok(samples.reduce((sum, one) => sum + one * one, 0) / samples.length > 1e-4)
    }
    assert.equal(durationMs, Math.round(audio.reduce((sum, { samples }) => sum + samples.length, 0) / 24))
    const again = await speak('Dr. Brown is here. He brought 3 books!')
    assert.deepEqual(audio, again.audio)
  })

  it('has one default voice, and each of them is there', async () => {
    assert.deepEqual(
      model.voices.filter(({ isDefault }) => isDefault).map(({ id }) => id),
      ['af_heart'],
    )
    const spoken = []
    for (const { id } of model.voices) spoken.push(await speak('Good morning.', { voice: id }))
    assert.ok(spoken.every(({ durationMs }) => durationMs > 400 && durationMs < 4_000))
    assert.equal(new Set(spoken.map(({ audio }) => audio[0]?.samples.join())).size, 28)
  })

  it('speaks faster and slower', async () => {
    const text = 'The rainbow is a division of white light into many beautiful colors.'
    const { durationMs } = await speak(text)
    for (const speed of [0.5, 2]) {
      const ratio = durationMs / (await speak(text, { speed })).durationMs
      assert.ok(Math.abs(ratio / speed - 1) < 0.25, `${ratio} at ${speed}`)
    }
  })

  it('speaks what becomes longer than it can take at once', async () => {
    assert.ok((await speak(`${'1234567 '.repeat(20)}.`)).durationMs > 30_000)
  })

  it('stops within 200 ms (p95) when it is cancelled, and speaks again', async () => {
    const took: number[] = []
    const text = 'These words go on and on, and nobody knows when they will end, because nobody wrote an end. '.repeat(
      3,
    )
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController()
      const settled = speak(text, { signal: controller.signal }).then(
        () => 'ended',
        (error: unknown) => (error as HoldfastError).code,
      )
      while (!model.state().running) await delay(10)
      await delay(20 + 17 * (round % 5))
      const at = performance.now()
      controller.abort()
      assert.equal(await settled, 'CANCELLED')
      took.push(performance.now() - at)
    }
    took.sort((a, b) => a - b)
    assert.ok((took[18] ?? Infinity) <= 200, took.map(Math.round).join(', '))
    assert.ok((await speak('Hello.')).durationMs > 300)
  })
})
