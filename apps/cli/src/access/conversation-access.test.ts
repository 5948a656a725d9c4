import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { NewMessage, Part } from '@holdfast/session'
import { accesses } from './access-for-tests.js'
import type { ConversationAccess } from './conversation-access.js'
import type { OpenedAccess } from './open-access.js'

for (const { name, open } of accesses) {
  describe(`conversations of ${name}`, () => {
    let opened: OpenedAccess
    let access: ConversationAccess

    before(async () => {
      opened = await open()
      access = opened.conversations
    })

    after(() => opened[Symbol.asyncDispose]())

    test('are created once, and read as they were created', async () => {
      const created = await access.create({
        id: 'c1',
        userId: 'ada',
        title: 'T',
        metadata: { a: '1', ['__proto__']: 'x' },
      })
      const again = await access.create({
        id: 'c1',
        userId: 'ada',
        title: 'T',
        metadata: { a: '1', ['__proto__']: 'x' },
      })
      assert.deepEqual(again, created)
      const { id, userId, title, metadata, version, lastSeq, createdAt } = await access.get('c1')
      assert.deepEqual([id, userId, title, version, lastSeq], ['c1', 'ada', 'T', 1, 0])
      assert.deepEqual(Object.entries(metadata), [
        ['a', '1'],
        ['__proto__', 'x'],
      ])
      assert.ok(Math.abs(createdAt.getTime() - Date.now()) < 60_000)
    })

    test('fail with the same codes', async () => {
      await assert.rejects(access.get('none'), { code: 'NOT_FOUND' })
      await assert.rejects(access.create({ id: 'a/b' }), { code: 'INVALID_ARGUMENT' })
      await access.create({ id: 'taken', userId: 'ada' })
      await assert.rejects(access.create({ id: 'taken', userId: 'bob' }), { code: 'ALREADY_EXISTS' })
      await assert.rejects(access.append('taken', []), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(access.patchState('taken', { a: 1 }, { ifVersion: 7 }), { code: 'ABORTED' })
    })

    test('hold parts of every kind', async () => {
      await access.create({ id: 'parts' })
      const parts: Part[] = [
        { type: 'text', text: 'a\u0000b\u2028' },
        { type: 'reasoning', text: 'because' },
        { type: 'tool-call', id: 't1', name: 'add', argumentsJson: '{"b":1, "a":[2]}' },
        { type: 'tool-result', id: 't1', content: '3' },
      ]
      const [message] = await access.append('parts', [{ key: 'k', role: 'assistant', parts }])
      assert.deepEqual([message?.seq, message?.id, message?.role, message?.parts], [1, 'k', 'assistant', parts])
      assert.deepEqual(await access.messages('parts'), [message])
    })

    test('append what has a key once', async () => {
      await access.create({ id: 'keys' })
      const messages: NewMessage[] = ['a', 'b'].map((key) => ({
        key,
        role: 'user',
        parts: [{ type: 'text', text: key }],
      }))
      const first = await access.append('keys', messages)
      assert.deepEqual(await access.append('keys', messages), first)
      assert.deepEqual(
        first.map(({ seq }) => seq),
        [1, 2],
      )
    })

    test('are read in both directions, within bounds', async () => {
      await access.create({ id: 'range' })
      const parts: Part[] = [{ type: 'text', text: 'x' }]
      await access.append(
        'range',
        Array.from({ length: 5 }, () => ({ role: 'user' as const, parts })),
      )
      const seqs = async (...options: Parameters<ConversationAccess['messages']>): Promise<number[]> =>
        (await access.messages(...options)).map(({ seq }) => seq)
      assert.deepEqual(await seqs('range', { after: 1, before: 5, limit: 2 }), [2, 3])
      assert.deepEqual(await seqs('range', { before: 5, limit: 2, reverse: true }), [4, 3])
    })

    test('are listed in pages, by user', async () => {
      for (const id of ['l1', 'l2', 'l3']) await access.create({ id, userId: 'lister' })
      const ids: string[] = []
      let cursor: string | undefined
      do {
        const page = await access.list({ userId: 'lister', limit: 2, ...(cursor === undefined ? {} : { cursor }) })
        ids.push(...page.items.map(({ id }) => id))
        cursor = page.next
      } while (cursor !== undefined)
      assert.deepEqual(ids.sort(), ['l1', 'l2', 'l3'])
    })

    test('are redacted and deleted for good', async () => {
      await access.create({ id: 'gone' })
      await access.append('gone', [{ key: 'a', role: 'user', parts: [{ type: 'text', text: 'secret' }] }])
      const redacted = await access.redact('gone', 1)
      assert.deepEqual([redacted.redacted, redacted.parts], [true, []])
      await access.delete('gone')
      await assert.rejects(access.get('gone'), { code: 'NOT_FOUND' })
      await assert.rejects(access.create({ id: 'gone' }), {
        code: 'FAILED_PRECONDITION',
        reason: 'CONVERSATION_DELETED',
      })
    })

    test('have a state that merge patches change', async () => {
      await access.create({ id: 'state' })
      assert.deepEqual((await access.state('state')).version, 0)
      await access.patchState('state', JSON.parse('{"a":{"b":1,"c":2},"__proto__":{"x":"\\u0000\\ud800"}}'))
      const { state, version } = await access.patchState('state', { a: { b: null } }, { ifVersion: 1 })
      assert.equal(version, 2)
      assert.equal(JSON.stringify(state), '{"a":{"c":2},"__proto__":{"x":"\\u0000\\ud800"}}')
      assert.equal(JSON.stringify((await access.state('state')).state), JSON.stringify(state))
    })
  })
}
