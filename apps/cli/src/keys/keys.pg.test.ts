import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { openConversationStore } from '@holdfast/session'
import { postgresForTests } from '@holdfast/test-servers'
import { outputHere, runHere } from '../cli-here.js'

it('keys that are made in a store, and conversations deleted there, stand in its audit log, and no secret', async () => {
  await using database = await postgresForTests()
  const at = ['--database', database.url]
  const token = (await outputHere(['keys', 'create', '--tenant', 'acme', '--role', 'admin', ...at])).trim()
  const id = token.split('_')[1] ?? ''
  await outputHere(['keys', 'revoke', id, ...at])
  assert.notEqual((await runHere(['keys', 'revoke', '0'.repeat(16), ...at])).code, 0)
  {
    await using store = await openDocumentStore(database.url)
    const conversations = await openConversationStore(store)
    await conversations.create({ id: 'said' })
    await conversations.close()
  }
  await outputHere(['conversations', 'delete', 'said', ...at])
  const listed = await outputHere(['audit', 'list', ...at])
  const lines = listed.trim().split('\n')
  const actions = lines.map((line) => / {2}command {2}(.*?) {2}([A-Z_]+)/.exec(line)?.slice(1).join(' '))
  assert.deepEqual(actions, ['keys create OK', 'keys revoke OK', 'keys revoke NOT_FOUND', 'conversations delete OK'])
  assert.ok(listed.includes(id))
  assert.ok(!listed.includes(token.slice(-43)))
  assert.ok(!listed.includes('said'))
})
