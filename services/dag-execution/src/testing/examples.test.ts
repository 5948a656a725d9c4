import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { testGraph } from './index.js'

const example = (name: string) => readFileSync(new URL(`../../examples/${name}.yaml`, import.meta.url), 'utf8')
const chat = (text: string) => ({ text, conversation: 'c', reply: 'r', model: 'm' })

describe('the examples, with results that are made up', () => {
  it('voice-assistant hears, answers and speaks; silence is not answered', () => {
    const results = { hear: { text: 'What time is it?' }, answer: chat('Noon.'), say: { audio: 'b2' } }
    const run = testGraph(example('voice-assistant'), { inputs: { audio: 'b1' }, results })
    assert.deepEqual(run.outputs, { heard: 'What time is it?', answered: 'Noon.', audio: 'b2' })
    assert.deepEqual(
      run.calls.map(({ node, input }) => [node, input['audio'] ?? input['prompt'] ?? input['text']]),
      [
        ['hear', 'b1'],
        ['answer', 'What time is it?'],
        ['say', 'Noon.'],
      ],
    )
    const silent = testGraph(example('voice-assistant'), {
      inputs: { audio: 'b1' },
      results: { ...results, hear: { text: '' } },
    })
    assert.deepEqual(silent.outputs, { heard: '', answered: null, audio: null })
  })

  it('picture-story goes on without the words on the picture', () => {
    const run = testGraph(example('picture-story'), {
      inputs: { picture: 'p' },
      results: {
        look: { description: 'A cat.', objects: [{ label: 'cat' }, { label: 'mat' }] },
        read: () => {
          throw new HoldfastError('FAILED_PRECONDITION', 'no reader here')
        },
        story: ({ input }) => chat((input['prompt'] as string).includes('cat, mat') ? 'Once.' : 'Never.'),
        draw: { image: 'i', images: ['i'] },
        say: { audio: 'a' },
      },
    })
    assert.deepEqual(run.outputs, { story: 'Once.', picture: 'i', audio: 'a' })
  })

  it('document-digest sums up long parts only', () => {
    const long = 'word '.repeat(30)
    const run = testGraph(example('document-digest'), {
      inputs: { parts: ['short', long] },
      results: { 'digest/sum_up': chat('words') },
    })
    assert.deepEqual([run.outputs, run.calls.length], [{ digest: 'short\nwords', parts: 2 }, 1])
  })

  it('approval sends what was approved, and files what was not', () => {
    const results = { draft: chat('Dear customer') }
    const yes = testGraph(example('approval'), { inputs: { question: 'q' }, results, signals: { review: true } })
    const no = testGraph(example('approval'), {
      inputs: { question: 'q' },
      results,
      signals: { review: { approved: false } },
    })
    const late = () => testGraph(example('approval'), { inputs: { question: 'q' }, results })
    assert.deepEqual(yes.outputs, { result: { to: 'customer', text: 'Dear customer' } })
    assert.deepEqual(no.outputs, { result: { to: 'archive', text: 'Dear customer', why: { approved: false } } })
    assert.equal(late().error?.reason, 'APPROVAL_TIMEOUT')
  })

  it('nightly-report leaves out what cannot be fetched', () => {
    const run = testGraph(example('nightly-report'), {
      inputs: { urls: ['http://a', 'http://b'] },
      results: {
        'fetch[0]': { status: 200, headers: {}, body: 7 },
        'fetch[1]': () => {
          throw new HoldfastError('UNAVAILABLE', 'away')
        },
        report: ({ input }) => chat(input['prompt'] as string),
      },
    })
    assert.deepEqual(run.outputs, { numbers: [7], report: 'Write a report of these numbers: [7]' })
    assert.equal(run.calls.filter(({ node }) => node === 'fetch[1]').length, 2)
  })

  it('polish-loop goes round until the text is short enough, four times at most', () => {
    const halved = testGraph(example('polish-loop'), {
      inputs: { text: 'x'.repeat(64), longest: 20 },
      results: { rewrite: ({ input }) => chat('x'.repeat(Math.floor(((input['prompt'] as string).length - 24) / 2))) },
    })
    assert.deepEqual(halved.outputs, { text: 'x'.repeat(16), rounds: 2 })
    const never = testGraph(example('polish-loop'), {
      inputs: { text: 'x', longest: 1 },
      results: { rewrite: chat('too long') },
    })
    assert.deepEqual(never.outputs, { text: 'too long', rounds: 4 })
  })

  it('a node that the test says nothing of fails the test', () => {
    assert.throws(() => testGraph(example('approval'), { inputs: { question: 'q' } }), { reason: 'NO_RESULT' })
  })
})
