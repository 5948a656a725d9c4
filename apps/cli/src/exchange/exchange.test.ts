import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { accesses } from '../access/access-for-tests.js'
import type { ConversationAccess } from '../access/conversation-access.js'
import { exportConversations } from './export.js'
import type { ImportReport } from './import-report.js'
import { importRecords } from './import-records.js'
import type { InputLine } from './input-lines.js'

const signal = new AbortController().signal

async function exported(access: ConversationAccess, ids?: readonly string[]): Promise<string> {
  let text = ''
  await exportConversations(
    access,
    async (piece) => {
      text += piece
    },
    { signal, ...(ids === undefined ? {} : { ids }) },
  )
  return text
}

function imported(access: ConversationAccess, text: string): Promise<ImportReport> {
  async function* lines(): AsyncGenerator<InputLine> {
    for (const [index, line] of text.split('\n').entries()) {
      if (line !== '') yield { text: line, place: `input:${index + 1}`, sizeBytes: line.length + 1 }
    }
  }
  return importRecords(access, lines(), { signal, concurrency: 4 })
}

/** What a store may hold: every kind of part, hostile text and keys, redactions, replies. More than 1,000 messages are more than one page. */
async function fill(access: ConversationAccess, messages = 200): Promise<void> {
  await access.create({
    id: 'b',
    userId: 'ada',
    title: 'Größe \u0000',
    metadata: { ['__proto__']: 'x', b: '1', a: '2' },
  })
  await access.append('b', [
    { key: 'k1', role: 'user', parts: [{ type: 'text', text: 'a\u0000\u2028\u{1F600}' }] },
    { key: 'k2', role: 'user', parts: [{ type: 'text', text: 'secret' }] },
    {
      key: 'k3',
      role: 'assistant',
      parts: [
        { type: 'reasoning', text: 'r' },
        { type: 'tool-call', id: 't', name: 'n', argumentsJson: '{ "x" : [1] }' },
      ],
    },
    { key: 'k4', role: 'tool', parts: [{ type: 'tool-result', id: 't', content: '' }] },
    { key: 'k5', role: 'assistant', parts: [{ type: 'text', text: '' }] },
  ])
  await access.redact('b', 2)
  await access.patchState('b', JSON.parse('{"z":1,"__proto__":{"10":[null,{"y":null}],"9":"\\ud800"},"a":{}}'))
  await access.create({ id: 'a' })
  const deepest = `${'{"a":'.repeat(99)}{"b":1}${'}'.repeat(99)}`
  await access.patchState('a', JSON.parse(deepest))
  const parts = [{ type: 'text' as const, text: 'one of many' }]
  for (let from = 1; from <= messages; from += 200) {
    await access.append(
      'a',
      Array.from({ length: 200 }, (_, index) => ({ key: `m${from + index}`, role: 'user' as const, parts })),
    )
  }
}

for (const { name, open } of accesses) {
  describe(`an export of conversations of ${name}`, () => {
    test('is taken back by an import, and the second export is byte-identical', async () => {
      await using from = await open()
      await using to = await open()
      await fill(from.conversations, 1200)
      const first = await exported(from.conversations)
      const report = await imported(to.conversations, first)
      assert.equal(await exported(to.conversations), first)
      assert.deepEqual(report, {
        conversations: 2,
        created: 2,
        messages: 1205,
        appended: 1205,
        statesChanged: 2,
        deleted: 0,
      })
    })

    test('changes nothing when it is imported where it came from, or twice', async () => {
      await using opened = await open()
      const access = opened.conversations
      await fill(access)
      const text = await exported(access)
      const before = [await access.get('a'), await access.get('b'), await access.messages('b'), await access.state('b')]
      const report = await imported(access, text)
      assert.deepEqual([report.created, report.appended, report.statesChanged], [0, 0, 0])
      assert.deepEqual(
        [await access.get('a'), await access.get('b'), await access.messages('b'), await access.state('b')],
        before,
      )
    })

    test('goes on where an import was cut', async () => {
      await using from = await open()
      await using to = await open()
      await fill(from.conversations)
      const text = await exported(from.conversations)
      const lines = text.split('\n')
      for (const kept of [1, 50, 151, lines.length - 3]) {
        await imported(to.conversations, lines.slice(0, kept).join('\n'))
      }
      await imported(to.conversations, text)
      assert.equal(await exported(to.conversations), text)
    })

    test('is of the conversations that were asked for, and NOT_FOUND names one that is not there', async () => {
      await using opened = await open()
      for (const id of ['x', 'y']) await opened.conversations.create({ id })
      assert.match(await exported(opened.conversations, ['y']), /^\{"id":"y".*\}\n$/)
      await assert.rejects(exported(opened.conversations, ['z']), { code: 'NOT_FOUND' })
    })

    test('is refused at the line that is corrupt, and what came before it is stored', async () => {
      await using opened = await open()
      const access = opened.conversations
      const good = [
        '{"id":"c","metadata":{},"title":"","type":"conversation","userId":""}',
        message('c', 1),
        message('c', 2),
      ]
      const corrupt: readonly (readonly [string, RegExp])[] = [
        ['{"conversation":"c","seq', /^input:4: record is not JSON/],
        ['{"type":"message","conversation":"c"}', /^input:4: record\.seq is not understood/],
        ['{"type":"blob"}', /^input:4: record\.type is not understood/],
        [message('c', 4), /^input:4: record\.seq is 4 where 3 comes next/],
        [message('d', 1), /^input:4: record\.conversation is d, whose own record does not come before/],
        ['{"conversation":"c","state":{"a":null},"type":"state"}', /^input:4: record\.state holds null/],
        ['{"conversation":"c","state":{"a":12345678901234567890},"type":"state"}', /^input:4: record\.state\.a/],
      ]
      for (const [line, expected] of corrupt) {
        await assert.rejects(imported(access, [...good, line, message('c', 3)].join('\n')), {
          code: 'INVALID_ARGUMENT',
          message: expected,
        })
        assert.equal((await access.get('c')).lastSeq, 2)
      }
      await imported(access, [...good, message('c', 3)].join('\n'))
      assert.equal((await access.get('c')).lastSeq, 3)
    })

    test('never overwrites: another conversation or message in its place is ALREADY_EXISTS, at its line', async () => {
      await using opened = await open()
      const access = opened.conversations
      await access.create({ id: 'c', title: 'mine' })
      await assert.rejects(imported(access, conversation('c', 'theirs')), {
        code: 'ALREADY_EXISTS',
        message: /^input:1: /,
      })
      await access.append('c', [{ key: 'm1', role: 'user', parts: [{ type: 'text', text: 'mine' }] }])
      const lines = [conversation('c', 'mine'), message('c', 1)].join('\n')
      await assert.rejects(imported(access, lines), { code: 'ALREADY_EXISTS', message: /^input:2: / })
    })

    test('leaves alone what was edited or deleted since', async () => {
      await using opened = await open()
      const access = opened.conversations
      await fill(access)
      const text = await exported(access)
      await access.redact('b', 1)
      await access.delete('a')
      const report = await imported(access, text)
      assert.deepEqual([report.deleted, report.appended], [1, 0])
      assert.deepEqual((await access.messages('b', { limit: 1 }))[0]?.parts, [])
    })
  })
}

function conversation(id: string, title: string): string {
  return JSON.stringify({ type: 'conversation', id, userId: '', title, metadata: {} })
}

function message(conversation: string, seq: number): string {
  const parts = [{ type: 'text', text: `message ${seq}` }]
  return JSON.stringify({ type: 'message', conversation, seq, id: `m${seq}`, role: 'user', parts })
}
