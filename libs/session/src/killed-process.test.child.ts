import { openDocumentStore } from '@holdfast/persistence'
import { takeTurn, user } from './conformance/stage.js'
import { openConversationStore } from './open-conversation-store.js'

/** Writes a reply for ever, and prints what of it is durable, until it is killed. */
const [url, id = ''] = process.argv.slice(2)
const documents = await openDocumentStore(url)
const store = await openConversationStore(documents)
await store.create({ id })
const turn = await takeTurn(store, id, { messages: [user('Tell me a story without an end.')] })
for (let n = 1; ; n += 1) {
  turn.write(`word${n} `)
  await turn.flushed()
  console.log(n)
}
