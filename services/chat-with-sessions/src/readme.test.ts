import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recallModel } from '@holdfast/models'
import { openDocumentStore } from '@holdfast/persistence'
import { createLogger, startGrpcServer } from '@holdfast/server'
import { openConversationStore } from '@holdfast/session'
import { examplesOf, runExampleHere } from '@holdfast/test-servers'
import { createChatService } from './chat-service.js'

const scope = {
  createChatService,
  createLogger: () => createLogger({ level: 'fatal' }),
  openConversationStore,
  openDocumentStore,
  recallModel,
  startGrpcServer,
}

test('the example in the README runs, and leaves nothing running', async () => {
  const [example = ''] = await examplesOf(new URL('../README.md', import.meta.url))
  const printed = await runExampleHere(example, scope)
  assert.match(printed.flat().join(), /^Listening on 127\.0\.0\.1:\d+$/)
})
