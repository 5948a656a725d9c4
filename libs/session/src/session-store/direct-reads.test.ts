import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DirectReads } from './direct-reads.js'
import { SeenVersions } from './seen-versions.js'
import type { SessionBackend, SessionRow } from './session-backend.js'

const row: SessionRow = { version: 1, json: '1', createdAt: 0, updatedAt: 0, expiresAt: undefined }

/** Reads end when the test says so. */
function manualReads() {
  const open: { readonly key: string; readonly end: () => void; readonly fail: (error: Error) => void }[] = []
  const read = (key: string) =>
    new Promise<SessionRow>((resolve, reject) => open.push({ key, end: () => resolve(row), fail: reject }))
  return { open, backend: { read } as unknown as SessionBackend }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('reads beside the cache', () => {
  it('are no more than so many at once, and those that wait for the same key are one', async () => {
    const { open, backend } = manualReads()
    const reads = new DirectReads(backend, 2)
    const answers = ['a', 'a', 'b', 'c', 'b', 'b'].map((key) => reads.read(key))
    assert.deepEqual(
      open.map(({ key }) => key),
      ['a', 'a'],
    )
    open[0]?.end()
    await settled()
    assert.deepEqual(
      open.map(({ key }) => key),
      ['a', 'a', 'b'],
    )
    // Begun already: whoever comes now may know of a newer write.
    answers.push(reads.read('b'))
    open[1]?.end()
    open[2]?.end()
    await settled()
    assert.deepEqual(open.map(({ key }) => key).slice(3), ['c', 'b'])
    for (const { end } of open) end()
    assert.equal((await Promise.all(answers)).length, 7)
  })

  it('go on after one that failed', async () => {
    const { open, backend } = manualReads()
    const reads = new DirectReads(backend, 1)
    const failing = reads.read('a')
    const waiting = reads.read('b')
    open[0]?.fail(new Error('away'))
    await assert.rejects(failing, /away/)
    await settled()
    open[1]?.end()
    assert.equal(await waiting, row)
  })
})

describe('versions seen beside the cache', () => {
  it('are remembered for their time, the highest of each key', async () => {
    const seen = new SeenVersions(50, 10)
    seen.saw('a', 3)
    seen.saw('a', 2)
    assert.equal(seen.isPast('a', 2), true)
    assert.equal(seen.isPast('a', 3), false)
    assert.equal(seen.isPast('b', 0), false)
    await new Promise((resolve) => setTimeout(resolve, 60))
    assert.equal(seen.isPast('a', 2), false)
  })

  it('says when there are too many', () => {
    const seen = new SeenVersions(1_000, 2)
    assert.deepEqual(
      ['a', 'b', 'a', 'c'].map((key) => seen.saw(key, 1)),
      [true, true, true, false],
    )
  })
})
