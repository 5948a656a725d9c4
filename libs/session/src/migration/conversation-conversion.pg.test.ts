import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { openPostgresDriver, type SqlDriver } from '@holdfast/persistence/sql'
import { postgresForTests, type TestDatabase } from '@holdfast/test-servers'
import type { ConversationStore } from '../conversation-store.js'
import { textOf } from '../message.js'
import { openConversationStore } from '../open-conversation-store.js'
import { type DirectBackend, openDirectBackend } from '../session-store/direct-backend.js'
import { convertConversations, writeConversationsBack } from './conversation-conversion.js'

const id = '5f0c3c54-1111-4222-8333-444455556666'
const messageId = (n: number): string => `5f0c3c54-0000-4222-8333-${String(n).padStart(12, '0')}`

describe('conversations of the old service', () => {
  let database: TestDatabase
  let old: SqlDriver
  let sessions: DirectBackend
  let documents: DocumentStore
  let conversations: ConversationStore

  before(async () => {
    database = await postgresForTests()
    old = await openPostgresDriver(database.url, { maxConnections: 2 })
    sessions = await openDirectBackend(database.url, { sweepIntervalMs: 0 })
    documents = await openDocumentStore('memory:')
    conversations = await openConversationStore(documents)
    const messages = Array.from(
      { length: 1_203 },
      (_, n) =>
        `{"id": "${messageId(n)}", "role": ${1 + (n % 4)}, "content": "Number ${n} \\ud83d\\ude00", "timestamp": ${1_712_345_678 + n / 4}${n % 4 === 0 ? '.0' : ''}}`,
    )
    await oldWrites(`session:${id}:context`, `{"messages": [${messages.join(', ')}]}`)
    await oldWrites(
      `session:${id}:metadata`,
      `{"conversation_id": "${id}", "created_at": 1712345678.0, "status": "active", "team_id": "t", "namespace_id": "n", "title": "Trains", "description": "",
        "settings": {"model": "llama3", "temperature": 0.7, "max_tokens": 2048, "include_context": true, "enable_tools": false}}`,
    )
    await oldWrites(`session:${id}:state`, '{"price": 12.0, "from": "Paris"}')
    await oldWrites(
      'session:odd:context',
      '{"messages": [{"id": "x", "role": 1, "content": "", "timestamp": 1.5, "more": true}]}',
    )
    await oldWrites('session:a b:context', '{"messages": []}')
    await oldWrites('session:big:state', '{"n": 9007199254740993}')
    await oldWrites('settings', '{"theme": "dark"}')
  })

  after(async () => {
    await conversations.close()
    await documents.close()
    await sessions.close()
    await old.close()
    await database[Symbol.asyncDispose]()
  })

  const oldWrites = (key: string, text: string): Promise<unknown> =>
    old.query({
      text: `insert into sessions (key, value) values ($1, $2::jsonb)
        on conflict (key) do update set value = excluded.value, updated_at = now()`,
      values: [key, text],
    })
  const oldRows = async (): Promise<Map<string, string>> =>
    new Map(
      (await old.query({ text: 'select key, value::text from sessions order by key', values: [] })).map(
        ([key, text]) => [String(key), String(text)],
      ),
    )
  const options = () => ({ sessions, documents, conversations })

  it('become conversations with their messages, title, labels and state, once', async () => {
    for (let round = 0; round < 2; round += 1) {
      const report = await convertConversations(options())
      assert.deepEqual([report.conversations, report.messages], [1, 1_203])
      assert.deepEqual(report.refused.map((one) => one.id).toSorted(), ['a b', 'big', 'odd'])
    }
    const conversation = await conversations.get(id)
    assert.deepEqual([conversation.title, conversation.lastSeq], ['Trains', 1_203])
    assert.equal(conversation.metadata['team_id'], 't')
    const [first, second] = await conversations.messages(id)
    assert.deepEqual([first?.id, first?.role, second?.role], [messageId(0), 'user', 'assistant'])
    assert.equal(first === undefined ? '' : textOf(first), 'Number 0 😀')
    assert.equal((await conversations.state(id)).state['from'], 'Paris')
  })

  it('go back byte for byte, and nothing else is touched', async () => {
    const before = await oldRows()
    assert.equal((await writeConversationsBack(options())).written, 0)
    assert.deepEqual(await oldRows(), before)
    await old.script(`delete from sessions where key like 'session:${id}:%'`)
    assert.equal((await writeConversationsBack(options())).written, 3)
    assert.deepEqual(await oldRows(), before)
  })

  it('go back with what came since, as the old service would have written it', async () => {
    await conversations.append(id, [{ key: 'a-new-one', role: 'user', parts: [{ type: 'text', text: 'Thank you.' }] }])
    await conversations.patchState(id, { from: 'Rome' })
    await conversations.update(id, { title: 'Journeys' })
    await conversations.create({ id: 'born-here', title: 'New' })
    await conversations.append('born-here', [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }])
    const report = await writeConversationsBack(options())
    assert.equal(report.written, 5)
    const rows = await oldRows()
    const context = rows.get(`session:${id}:context`) ?? ''
    assert.match(context, /"timestamp": 1712345678\.0\}/)
    const { messages } = JSON.parse(context) as {
      messages: { id: string; role: number; content: string; timestamp: number }[]
    }
    const last = messages.at(-1)
    assert.deepEqual([messages.length, last?.role, last?.content], [1_204, 1, 'Thank you.'])
    assert.match(last?.id ?? '', /^[\da-f]{8}-([\da-f]{4}-){3}[\da-f]{12}$/)
    assert.match(rows.get(`session:${id}:metadata`) ?? '', /"title": "Journeys".*"created_at": 1712345678\.0/)
    const born = JSON.parse(rows.get('session:born-here:metadata') ?? '{}') as Record<string, unknown>
    assert.deepEqual([born['conversation_id'], born['status'], born['title']], ['born-here', 'active', 'New'])
    assert.equal((await writeConversationsBack(options())).written, 0)
    assert.equal(rows.get('settings'), '{"theme": "dark"}')
  })

  it('are deleted there when they were deleted here, but those that never came are not', async () => {
    await conversations.delete(id)
    assert.equal((await writeConversationsBack(options())).deleted, 3)
    const keys = [...(await oldRows()).keys()]
    assert.deepEqual(
      keys.filter((key) => key.includes(id)),
      [],
    )
    assert.ok(keys.includes('session:odd:context') && keys.includes('session:a b:context'))
    const again = await convertConversations(options())
    assert.equal(again.conversations, 1)
  })
})
