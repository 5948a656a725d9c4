import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { linkedSignal } from './linked-signal.js'

test('aborts with the first of its signals, and for its reason', () => {
  const [first, second] = [new AbortController(), new AbortController()]
  using link = linkedSignal([first.signal, second.signal])
  assert.equal(link.signal.aborted, false)
  second.abort('enough')
  first.abort('too late')
  assert.equal(link.signal.reason, 'enough')
  using ended = linkedSignal([new AbortController().signal, AbortSignal.abort('before')])
  assert.equal(ended.signal.reason, 'before')
})

test('lets go of its signals when it is disposed', () => {
  const { signal } = new AbortController()
  for (let n = 0; n < 3; n += 1) {
    using link = linkedSignal([signal])
    assert.equal(getEventListeners(signal, 'abort').length, 1)
    assert.equal(link.signal.aborted, false)
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})
