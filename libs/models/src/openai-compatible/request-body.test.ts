import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ChatMessage, ChatPart, ChatRequest } from '../chat-model.js'
import { commonDialect } from './dialect.js'
import { requestBody } from './request-body.js'

const text = (of: string): ChatPart => ({ type: 'text', text: of })
const user = (...parts: ChatPart[]): ChatMessage => ({ role: 'user', parts })
const assistant = (...parts: ChatPart[]): ChatMessage => ({ role: 'assistant', parts })
const call = (id: string): ChatPart => ({ type: 'tool-call', id, name: 'weather', argumentsJson: '{"city":"Rome"}' })
const result = (id: string): ChatPart => ({ type: 'tool-result', id, content: 'sunny' })

function sent(...messages: ChatMessage[]): unknown {
  const { messages: out } = requestBody({ messages }, 'm', commonDialect)
  // As it goes over the wire: without what is undefined.
  return JSON.parse(JSON.stringify(out))
}

describe('messages to an OpenAI-compatible endpoint', () => {
  it('are plain strings where there is only text', () => {
    const system: ChatMessage = { role: 'system', parts: [text('Be brief.')] }
    assert.deepEqual(sent(system, user(text('Hello'), text('there')), assistant(text('Hi'))), [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hello\nthere' },
      { role: 'assistant', content: 'Hi' },
    ])
  })

  it('carry images as data URLs, between the texts where they stand', () => {
    const bytes = new Uint8Array([0, 255, 128])
    const image: ChatPart = { type: 'image', bytes, contentType: 'image/png' }
    assert.deepEqual(sent(user(text('What is'), image, text('this?'))), [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AP+A' } },
          { type: 'text', text: 'this?' },
        ],
      },
    ])
  })

  it('carry image URLs as they are, and reject others than data: and http:', () => {
    for (const url of ['data:image/gif;base64,AA==', 'https://pictures.example/1.png']) {
      assert.deepEqual(sent(user({ type: 'image', url })), [
        { role: 'user', content: [{ type: 'image_url', image_url: { url } }] },
      ])
    }
    for (const url of ['file:///etc/passwd', 'data:text/html,x', '/1.png', '']) {
      assert.throws(() => sent(user(text('a')), user(text('b'), { type: 'image', url })), {
        code: 'INVALID_ARGUMENT',
        message: /messages\[1\]\.parts\[1\]\.url must be/,
      })
    }
  })

  it('carry tool calls and their results, a message for each result', () => {
    const results: ChatMessage = { role: 'tool', parts: [result('a'), result('b')] }
    assert.deepEqual(sent(assistant(call('a'), call('b')), results), [
      {
        role: 'assistant',
        content: null,
        tool_calls: ['a', 'b'].map((id) => ({
          id,
          type: 'function',
          function: { name: 'weather', arguments: '{"city":"Rome"}' },
        })),
      },
      { role: 'tool', tool_call_id: 'a', content: 'sunny' },
      { role: 'tool', tool_call_id: 'b', content: 'sunny' },
    ])
  })

  it('leave out calls without a result and results without a call, which endpoints reject', () => {
    const results: ChatMessage = { role: 'tool', parts: [result('b'), result('z')] }
    assert.deepEqual(sent(assistant(text('Let me see'), call('a'), call('b')), results, user(text('And?'))), [
      {
        role: 'assistant',
        content: 'Let me see',
        tool_calls: [{ id: 'b', type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } }],
      },
      { role: 'tool', tool_call_id: 'b', content: 'sunny' },
      { role: 'user', content: 'And?' },
    ])
  })

  it('leave out reasoning, and replies that were interrupted before they said anything', () => {
    assert.deepEqual(
      sent(
        user(text('Hello')),
        assistant({ type: 'reasoning', text: 'hm' }),
        assistant(),
        assistant(call('a')),
        user(text('?')),
      ),
      [
        { role: 'user', content: 'Hello' },
        { role: 'user', content: '?' },
      ],
    )
  })

  it('survive JSON with NUL and lone surrogates', () => {
    const odd = 'a\u0000b\ud800c'
    assert.deepEqual(sent(user(text(odd))), [{ role: 'user', content: odd }])
  })

  it('do not say who the user is', () => {
    const request: ChatRequest = { messages: [user(text('Hello'))], userId: 'ada@example.org', conversationId: 'c-17' }
    const body = JSON.stringify(requestBody(request, 'm', commonDialect))
    assert.ok(!body.includes('ada') && !body.includes('c-17'))
  })
})
