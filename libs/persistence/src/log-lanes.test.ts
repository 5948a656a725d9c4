import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AppendGroup, AppendOutcome, LogOperations, StreamKey } from './backend.js'
import { LogHub } from './log-hub.js'
import { LogLanes } from './log-lanes.js'
import { createMemoryBackend } from './memory/memory-backend.js'

/** Lanes over a log in memory, with a record of the round trips. */
function openLanes() {
  const backend = createMemoryBackend()
  const { logs } = backend
  const appends: (readonly AppendGroup[])[] = []
  const heads: (readonly StreamKey[])[] = []
  const operations: LogOperations = {
    ensure: (log) => logs.ensure(log),
    append: (log, groups) => {
      appends.push(groups)
      return logs.append(log, groups)
    },
    read: (log, range) => logs.read(log, range),
    heads: (log, keys) => {
      heads.push(keys)
      return logs.heads(log, keys)
    },
    create: (log, key) => logs.create(log, key),
    fork: (log, from, at, to) => logs.fork(log, from, at, to),
    trim: (log, key, to) => logs.trim(log, key, to),
    remove: (log, key) => logs.remove(log, key),
    amend: (log, key, seq, json) => logs.amend(log, key, seq, json),
  }
  return { lanes: new LogLanes('l', operations, new LogHub(backend)), appends, heads }
}

const call = (stream: string, json: string, more: Partial<AppendGroup> = {}): AppendGroup => ({
  tenant: 't',
  stream,
  entries: [{ json }],
  ...more,
})

const seqs = (outcome: AppendOutcome) =>
  outcome.kind === 'appended' ? outcome.entries.map(({ seq }) => seq) : outcome.kind

describe('lanes', () => {
  it('carry the calls of a moment as one round trip, one group for each stream', async () => {
    const { lanes, appends } = openLanes()
    const streams = ['a', 'b', 'a', 'c', 'a', 'b']
    const outcomes = await Promise.all(streams.map((stream, n) => lanes.append(call(stream, `${n}`))))
    assert.deepEqual(outcomes.map(seqs), [[1], [1], [2], [1], [3], [2]])
    assert.deepEqual(
      appends.map((groups) => groups.map(({ stream, entries }) => [stream, entries.map(({ json }) => json)])),
      [
        [
          ['a', ['0', '2', '4']],
          ['b', ['1', '5']],
          ['c', ['3']],
        ],
      ],
    )
  })

  it('keep streams of the same name apart by tenant', async () => {
    const { lanes } = openLanes()
    const outcomes = await Promise.all(['t', 'u'].map((tenant) => lanes.append(call('s', '1', { tenant }))))
    assert.deepEqual(outcomes.map(seqs), [[1], [1]])
  })

  it('let nothing overtake a call that has to wait', async () => {
    const { lanes, appends } = openLanes()
    const outcomes = await Promise.all([
      lanes.append(call('s', '1')),
      lanes.append(call('s', '2', { ifNext: 2 })),
      lanes.append(call('s', '3')),
      lanes.append(call('other', '4')),
    ])
    assert.deepEqual(outcomes.map(seqs), [[1], [2], [3], [1]])
    assert.deepEqual(
      appends.map((groups) => groups.map(({ stream }) => stream)),
      [['s', 'other'], ['s'], ['s']],
    )
  })

  it('put the repetition of a key into a later batch than the key', async () => {
    const { lanes, appends } = openLanes()
    const entries = [{ key: 'k', json: '1' }]
    const outcomes = await Promise.all([1, 2, 3].map(() => lanes.append(call('s', '', { entries }))))
    assert.deepEqual(outcomes.map(seqs), [[1], [1], [1]])
    assert.equal(appends.length, 3)
  })

  it('do not mix calls that require a stream with calls that make it', async () => {
    const { lanes } = openLanes()
    const outcomes = await Promise.all([
      lanes.append(call('s', '1', { ifExists: true })),
      lanes.append(call('s', '2')),
      lanes.append(call('s', '3', { ifExists: true })),
    ])
    assert.deepEqual(outcomes.map(seqs), ['missing', [1], [2]])
  })

  it('give each member of a group its own verdict when one has a taken key', async () => {
    const { lanes } = openLanes()
    await lanes.append(call('s', '', { entries: [{ key: 'k', json: '1' }] }))
    const outcomes = await Promise.all([
      lanes.append(call('s', '2')),
      lanes.append(call('s', '', { entries: [{ json: '3' }, { key: 'k', json: 'false' }] })),
      lanes.append(call('s', '4')),
    ])
    assert.deepEqual(outcomes.map(seqs), [[2], 'conflict', [3]])
    assert.deepEqual(outcomes[1], { kind: 'conflict', index: 1, seq: 1 })
  })

  it('ask for the heads of a moment in one round trip', async () => {
    const { lanes, heads } = openLanes()
    await lanes.append(call('a', '1'))
    const answers = await Promise.all(['a', 'b', 'a'].map((stream) => lanes.head({ tenant: 't', stream })))
    assert.deepEqual(
      answers.map(({ next }) => next),
      [2, 1, 2],
    )
    assert.equal(heads.length, 1)
  })
})
