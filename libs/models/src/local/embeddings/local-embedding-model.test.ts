import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { localEmbeddingModel } from './local-embedding-model.js'

describe('the local embedding model', () => {
  const model = localEmbeddingModel()
  after(() => model[Symbol.asyncDispose]())

  it('is not loaded before its first call, and says that it is installed', async () => {
    const { ok, detail } = await model.check()
    assert.equal(ok, true, detail)
    assert.equal(model.state().status, 'unloaded')
  })

  it('puts texts that mean something alike near each other, in the order of the texts', async () => {
    const texts = [
      'Which meals have no meat?',
      'I am looking for a vegetarian restaurant.',
      'The flight leaves at nine.',
    ]
    const { vectors, usage } = await model.embed(texts)
    const [question = empty, meal = empty, flight = empty] = vectors
    for (const vector of vectors) assert.ok(Math.abs(dot(vector, vector) - 1) < 1e-4)
    assert.ok(dot(question, meal) > 0.5 && dot(question, meal) > 2 * dot(question, flight))
    assert.equal(usage.characters, texts.join('').length)
    assert.ok((usage.computeMs ?? 0) > 0)
    assert.equal(model.state().status, 'ready')
  })

  it('gives the same vector for the same text, whatever stands beside it', async () => {
    const text = 'My dog is called Rex.'
    const [alone = empty] = (await model.embed([text])).vectors
    const many = Array.from({ length: 20 }, (_, index) =>
      index === 13 ? text : `Number ${index} says something else.`,
    )
    const among = (await model.embed(many)).vectors[13] ?? empty
    assert.ok(alone.every((number, place) => Math.abs(number - (among[place] ?? 1)) < 1e-5))
  })

  it('has no vector for what it cannot read, and takes no time over a long text', async () => {
    const { vectors } = await model.embed(['漢字', '', '😀', '\ud800', 'word '.repeat(1_000_000)])
    assert.deepEqual(
      vectors.map((vector) => vector.some((number) => number !== 0)),
      [false, false, false, false, true],
    )
    assert.ok(vectors.every((vector) => vector.length === 512))
  })

  it('refuses what is no list of texts', async () => {
    await assert.rejects(model.embed([]), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(model.embed(['a', JSON.parse('7') as string]), /texts\[1\]/)
  })

  it('stops when it is cancelled, and goes on with the next call', async () => {
    const texts = Array.from({ length: 400 }, (_, index) => `Sentence number ${index}, about nothing in particular.`)
    const stop = new AbortController()
    const embedding = model.embed(texts, { signal: stop.signal })
    setTimeout(() => stop.abort(), 50)
    await assert.rejects(embedding, { code: 'CANCELLED' })
    assert.equal((await model.embed(['Still here.'])).vectors.length, 1)
  })
})

const empty = new Float32Array()

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, number, place) => sum + number * (b[place] ?? 0), 0)
}
