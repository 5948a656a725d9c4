import { openDocumentStore } from '@holdfast/persistence'
import { takeTurn, user } from './conformance/stage.js'
import { openConversationStore } from './open-conversation-store.js'

/** Writes a reply, and tells its parent what became of each word; goes on after a failure, as one would that does not notice. */
const [url, id = '', redis] = process.argv.slice(2)
const documents = await openDocumentStore(url)
const cache = redis === undefined ? {} : { cache: { redis, trustMs: 100 } }
const store = await openConversationStore(documents, { cancelPollMs: 60_000, maintenanceIntervalMs: 0, ...cache })
const turn = await takeTurn(store, id, { messages: [user('Tell me a story.')], leaseMs: 400 })
for (let n = 1; n <= 100_000; n += 1) {
  try {
    turn.write(`word${n} `)
    await turn.flushed()
    process.send?.({ n })
  } catch (error) {
    const failure = await turn.finish({ status: 'complete' }).then(
      () => 'went through',
      (late: unknown) => (late as { reason: string }).reason,
    )
    process.send?.({ n, writing: (error as { reason: string }).reason, finishing: failure })
    break
  }
}
await store.close()
await documents.close()
process.disconnect()
