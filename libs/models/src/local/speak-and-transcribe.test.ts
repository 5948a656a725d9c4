import { wordErrors } from '@holdfast/test-servers'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resampled } from '../audio/resampler.js'
import type { SpeechModel } from '../speech-model.js'
import { transcriptionSampleRate } from '../transcription-model.js'
import { fliteModel } from './flite/flite-model.js'
import { kokoroSpeechModel } from './kokoro/kokoro-model.js'
import { moonshineModel } from './moonshine/moonshine-model.js'
import { spokenText } from './normaliser/spoken-text.js'

const sentences = [
  'Dr. Smith met Mrs. Jones at 10:30 on Monday.',
  'The meeting in London starts at 3 pm and ends at 5:30 pm.',
  'She paid $12.50 for two tickets to the museum.',
  'Our office is at 221 Baker Street, near the old station.',
  'The FBI and the CIA did not agree with the White House.',
  'On March 15th, 1995, they moved to Boston.',
  'Please send the report to Mr. Brown before the 3rd of May.',
  'About 75% of the students passed the final exam.',
  'He ran 5 km in 25 minutes and 40 seconds.',
  'The temperature will fall to -4 degrees on Friday night.',
  'Queen Elizabeth II opened the new bridge in 1964.',
  'Prof. Green wrote 12 books about the history of Rome.',
  'The train to New York leaves from platform 9 at noon.',
  'There were 1,250 people in the hall, and 300 more outside.',
  'My sister Anna bought a car for $18,000 last year.',
  'The company was founded in 1987 by George W. Hill.',
  'Chapter IV explains how the heart pumps blood.',
  'You can fit 64 GB of music on this small card.',
  'The U.S. team won 3 gold medals and 2 silver medals.',
  'Call me at 555-0199 if the weather gets worse.',
]

/** Both sides written out alike: "FBI" and "F B I" are the same word. */
function plain(text: string): string {
  return spokenText(text)
    .toLowerCase()
    .replaceAll('per cent', 'percent')
    .replaceAll(/[^a-z ]/g, ' ')
    .replaceAll(/\b(\w) (?=\w\b)/g, '$1')
}

const kokoroFolder = process.env['HOLDFAST_TEST_KOKORO_FOLDER']

describe('what is spoken and then transcribed', () => {
  const voices: [string, SpeechModel | undefined][] = [
    ['flite', fliteModel()],
    ['kokoro', kokoroFolder === undefined ? undefined : kokoroSpeechModel({ folder: kokoroFolder })],
  ]
  for (const [name, model] of voices) {
    const skip = model === undefined ? 'HOLDFAST_TEST_KOKORO_FOLDER names no folder with Kokoro in it' : false
    const title = 'has at most 10 % of its words wrong, over 20 sentences with numbers, names and abbreviations'
    it(`${title}: ${name}`, { skip }, async () => {
      assert.ok(model !== undefined)
      await using voice = model
      await using ear = moonshineModel()
      let errors = 0
      let words = 0
      for (const sentence of sentences) {
        const heard: string[] = []
        for await (const event of ear.transcribe(samplesOf(sentence, voice))) {
          if (event.type === 'segment') heard.push(event.segment.text)
        }
        const count = wordErrors(plain(sentence), plain(heard.join(' ')))
        errors += count.errors
        words += count.words
      }
      assert.ok(words > 200)
      assert.ok(errors / words <= 0.1, `${errors} of ${words} words`)
    })
  }
})

/** As Moonshine hears: at 16 kHz. */
function samplesOf(sentence: string, voice: SpeechModel): AsyncIterable<Float32Array> {
  return resampled(spoken(sentence, voice), voice.sampleRate, transcriptionSampleRate)
}

async function* spoken(sentence: string, voice: SpeechModel): AsyncGenerator<Float32Array> {
  for await (const event of voice.speak(sentence)) if (event.type === 'audio') yield event.samples
}
