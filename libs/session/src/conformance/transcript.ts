import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import type { NewMessage, Part } from '../message.js'
import { type Stage, textsOf, unique, upTo, user } from './stage.js'

export function transcriptTests(stage: Stage): void {
  it('appends in order, numbers without gaps and reads both ways', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const appended = await store.append(
      id,
      upTo(5).map((n) => user(`m${n + 1}`)),
    )
    assert.deepEqual(
      appended.map(({ seq }) => seq),
      [1, 2, 3, 4, 5],
    )
    assert.deepEqual(await store.messages(id), appended)
    assert.deepEqual(textsOf(await store.messages(id, { after: 1, before: 5 })), ['m2', 'm3', 'm4'])
    assert.deepEqual(textsOf(await store.messages(id, { limit: 2, reverse: true })), ['m5', 'm4'])
    assert.deepEqual(textsOf(await store.messages(id, { before: 4, limit: 2, reverse: true })), ['m3', 'm2'])
    assert.deepEqual(textsOf(await store.messages(id, { after: 3, limit: 1 })), ['m4'])
    assert.deepEqual(await store.messages(id, { after: 5 }), [])
    assert.deepEqual(await store.message(id, 3), appended[2])
    await assert.rejects(store.message(id, 6), { code: 'NOT_FOUND' })
    assert.equal((await store.get(id)).lastSeq, 5)
  })

  it('appends a key once, alone or among others', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const keyed = (key: string): NewMessage => ({ ...user(`text of ${key}`), key })
    const [first] = await store.append(id, [keyed('a')])
    assert.equal(first?.id, 'a')
    assert.deepEqual(await store.append(id, [keyed('a')]), [first])
    const mixed = await store.append(id, [keyed('b'), keyed('a'), keyed('c')])
    assert.deepEqual(
      mixed.map(({ seq, id: key }) => [seq, key]),
      [
        [2, 'b'],
        [1, 'a'],
        [3, 'c'],
      ],
    )
    await assert.rejects(store.append(id, [{ ...user('other'), key: 'a' }]), { code: 'ALREADY_EXISTS' })
    await assert.rejects(store.append(id, [keyed('d'), { ...keyed('a'), role: 'tool' }]), { code: 'ALREADY_EXISTS' })
    assert.deepEqual(textsOf(await store.messages(id)), ['text of a', 'text of b', 'text of c'])
  })

  it('loses nothing when 16 writers append and repeat at once', async () => {
    const { store } = stage
    const id = await stage.conversation()
    await Promise.all(
      upTo(16).map(async (writer) => {
        for (const n of upTo(8)) {
          const message = { ...user(`${writer}:${n}`), key: `${writer}:${n}` }
          const [[one], [same]] = await Promise.all([store.append(id, [message]), store.append(id, [message])])
          assert.deepEqual(same, one)
        }
      }),
    )
    const messages = await store.messages(id, { limit: 1000 })
    assert.deepEqual(
      messages.map(({ seq }) => seq),
      upTo(128).map((n) => n + 1),
    )
    assert.equal(new Set(messages.map((message) => message.id)).size, 128)
    for (const writer of upTo(16)) {
      const own = textsOf(messages).filter((text) => text.startsWith(`${writer}:`))
      assert.deepEqual(
        own,
        upTo(8).map((n) => `${writer}:${n}`),
      )
    }
  })

  it('keeps every kind of part as it is', async () => {
    const { store, documents } = stage
    const id = await stage.conversation()
    const bytes = Buffer.from(unique('bytes'))
    const { hash } = await documents.blobs.put(bytes, { contentType: 'image/png' })
    const parts: Part[] = [
      { type: 'text', text: 'NUL \u0000, lone \ud83d and \ude00, pair 😀, \ufdd0, "quotes"' },
      { type: 'reasoning', text: 'because' },
      { type: 'tool-call', id: 'c1', name: 'find', argumentsJson: '{"n": 12345678901234567890, "__proto__": 1}' },
      { type: 'tool-result', id: 'c1', content: '' },
      { type: 'image', hash, contentType: 'image/png', name: 'a.png', sizeBytes: 1 },
    ]
    const [stored] = await store.append(id, [{ role: 'assistant', parts }])
    const expected = parts.map((part) => ('hash' in part ? { ...part, sizeBytes: bytes.length } : part))
    assert.deepEqual(stored?.parts, expected)
    assert.deepEqual((await store.message(id, 1)).parts, expected)
  })

  it('keeps the blobs of messages from being collected until the last conversation that shares them is deleted', async () => {
    const { store, documents } = stage
    const id = await stage.conversation()
    const { hash } = await documents.blobs.put(Buffer.from(unique('kept')), { contentType: 'image/png' })
    await store.append(id, [{ role: 'user', parts: [{ type: 'image', hash, contentType: 'image/png', sizeBytes: 0 }] }])
    const branch = await store.fork(id)
    await documents.blobs.collect({ olderThanMs: 0 })
    assert.ok((await documents.blobs.stat(hash)) !== undefined)
    await store.delete(id)
    await documents.blobs.collect({ olderThanMs: 0 })
    assert.ok((await documents.blobs.stat(hash)) !== undefined, 'the branch has it still')
    await store.delete(branch.id)
    assert.deepEqual(await documents.blobs.links(hash), [])
  })

  it('refuses bad messages, names the field and stores nothing', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const text = (value: string): Part => ({ type: 'text', text: value })
    const hash = createHash('sha256').update(unique()).digest('hex')
    const bad: [unknown, string][] = [
      [[], 'messages'],
      ['x', 'messages'],
      [[null], 'messages[0]'],
      [[user('a'), { role: 'boss', parts: [text('a')] }], 'messages[1].role'],
      [[{ role: 'user', parts: [] }], 'messages[0].parts'],
      [[{ role: 'user', parts: upTo(101).map(() => text('a')) }], 'messages[0].parts'],
      [[{ role: 'user', parts: [text('a'), text('x'.repeat(1024 * 1024 + 1))] }], 'messages[0].parts[1].text'],
      [[{ role: 'user', parts: [text('é'.repeat(600_000))] }], 'messages[0].parts[0].text'],
      [[{ role: 'user', parts: [{ type: 'text', text: 7 }] }], 'messages[0].parts[0].text'],
      [[{ role: 'user', parts: [{ type: 'video' }] }], 'messages[0].parts[0].type'],
      [
        [{ role: 'user', parts: [{ type: 'image', hash: 'x', contentType: 'image/png' }] }],
        'messages[0].parts[0].hash',
      ],
      [[{ role: 'user', parts: [{ type: 'image', hash, contentType: 'image/png' }] }], 'messages[0].parts[0].hash'],
      [[{ role: 'user', parts: [{ type: 'image', hash, contentType: 'png' }] }], 'messages[0].parts[0].contentType'],
      [
        [{ role: 'assistant', parts: [{ type: 'tool-call', id: 'c', name: 'n', argumentsJson: '{' }] }],
        'messages[0].parts[0].argumentsJson',
      ],
      [[{ ...user('a'), key: '' }], 'messages[0].key'],
      [[{ ...user('a'), key: 'reply:x' }], 'messages[0].key'],
      [
        [
          { ...user('a'), key: 'k' },
          { ...user('b'), key: 'k' },
        ],
        'messages[1].key',
      ],
    ]
    for (const [input, field] of bad) {
      await assert.rejects(
        store.append(id, input as NewMessage[]),
        (error: { code: string; fields: { field: string }[] }) => {
          assert.equal(error.code, 'INVALID_ARGUMENT', field)
          assert.equal(error.fields[0]?.field, field)
          return true
        },
      )
    }
    await assert.rejects(store.messages(id, { limit: 0 }), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(store.messages(id, { after: -1 }), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(store.message(id, 1.5), { code: 'INVALID_ARGUMENT' })
    assert.deepEqual(await store.messages(id), [])
    const [longest] = await store.append(id, [{ role: 'user', parts: [text('x'.repeat(1024 * 1024))] }])
    assert.equal(longest?.seq, 1)
  })

  it('edits: new parts, same place, the former text gone', async () => {
    const { store, documents } = stage
    const id = await stage.conversation()
    const [before] = await store.append(id, [{ ...user('first draft'), key: 'k' }])
    const edited = await store.edit(id, 1, [{ type: 'text', text: 'second draft' }])
    assert.deepEqual([edited.seq, edited.id, edited.role, edited.at], [1, 'k', 'user', before?.at])
    assert(edited.editedAt !== undefined && edited.editedAt >= edited.at)
    assert.deepEqual(await store.message(id, 1), edited)
    const [again] = await store.append(id, [{ ...user('first draft'), key: 'k' }])
    assert.deepEqual(textsOf([again ?? { parts: [] }]), ['second draft'])
    const stored = JSON.stringify([
      await documents.log('messages').read(id),
      await documents.log('message-changes').read(id),
    ])
    assert(!stored.includes('first draft'))
    await assert.rejects(store.edit(id, 2, edited.parts), { code: 'NOT_FOUND' })
    await assert.rejects(store.edit(id, 1, []), { code: 'INVALID_ARGUMENT' })
  })

  it('redacts: the content is gone, the place stays', async () => {
    const { store, documents } = stage
    const id = await stage.conversation('one', 'my password', 'three')
    const redacted = await store.redact(id, 2)
    assert.deepEqual([redacted.seq, redacted.role, redacted.parts, redacted.redacted], [2, 'user', [], true])
    assert.deepEqual(await store.redact(id, 2), redacted)
    assert.deepEqual(textsOf(await store.messages(id)), ['one', '', 'three'])
    const refused = { code: 'FAILED_PRECONDITION', reason: 'MESSAGE_REDACTED' }
    await assert.rejects(store.edit(id, 2, [{ type: 'text', text: 'x' }]), refused)
    assert(!JSON.stringify(await documents.log('messages').read(id)).includes('password'))
    assert.equal((await documents.log('message-changes').read(id)).length, 1)
    await assert.rejects(store.redact(id, 4), { code: 'NOT_FOUND' })
  })
}
