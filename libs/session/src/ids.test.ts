import assert from 'node:assert/strict'
import { it } from 'node:test'
import { parseReplyId, replyIdOf } from './ids.js'

it('finds conversation, message and token in a reply id, whatever the conversation is called', () => {
  for (const conversationId of ['c', 'a.1.2', '日本', '1.1', 'x'.repeat(200)]) {
    const address = { conversationId, from: 12, token: 3 }
    assert.deepEqual(parseReplyId(replyIdOf(address)), address)
  }
})

it('knows what can be no reply id', () => {
  for (const text of [
    '',
    'c',
    'c.1',
    'c.0.1',
    'c.1.0',
    'c.01.1',
    'c.1.x',
    '.1.1',
    'a/b.1.1',
    'a b.1.1',
    7,
    null,
    'x'.repeat(300),
  ]) {
    assert.equal(parseReplyId(text), undefined)
  }
})
