import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { it } from 'node:test'
import { openDocumentStore } from '@holdfast/persistence'
import { postgresForTests } from '@holdfast/test-servers'
import { follow, takeTurn, textsOf, user } from './conformance/stage.js'
import { openConversationStore } from './open-conversation-store.js'

interface Told {
  readonly n: number
  readonly writing?: string
  readonly finishing?: string
}

for (const policy of ['queue', 'interrupt'] as const) {
  it(`lets a process that was paused past its lease write nothing more when it wakes (${policy})`, async () => {
    await using database = await postgresForTests()
    await using documents = await openDocumentStore(database.url)
    await using store = await openConversationStore(documents, { maintenanceIntervalMs: 0 })
    const { id } = await store.create()
    const child = fork(join(import.meta.dirname, 'paused-process.test.child.js'), [database.url, id])
    const told: Told[] = []
    const exited = once(child, 'exit')
    try {
      await new Promise<void>((resolve) => {
        child.on('message', (message: Told) => {
          told.push(message)
          if (message.n === 20) resolve()
        })
      })
      child.kill('SIGSTOP')
      const next = await takeTurn(store, id, { messages: [user('Go on without it.')], policy })
      next.write('The end.')
      await next.finish({ status: 'complete' })
      const before = await store.messages(id)
      child.kill('SIGCONT')
      await exited
      const last = told.at(-1)
      assert.deepEqual([last?.writing, last?.finishing], ['TURN_LOST', 'TURN_LOST'])
      assert.deepEqual(await store.messages(id), before)
      const [, reply] = before
      assert(reply?.reply !== undefined)
      assert.equal(reply.reply.status, policy === 'queue' ? 'interrupted' : 'cancelled')
      const words = (textsOf([reply])[0] ?? '').trimEnd().split(' ')
      const durable = told.filter(({ writing }) => writing === undefined).length
      assert(words.length >= durable, `${words.length} words are left of ${durable} that were durable`)
      assert.equal((await follow(store, reply.reply.id)).text.trimEnd(), words.join(' '))
    } finally {
      child.kill('SIGKILL')
    }
  })
}
