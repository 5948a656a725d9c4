import { openDocumentStore } from '@holdfast/persistence'
import { ConceptEmbedder } from '../conformance/concept-embedder.js'
import { openConversationStore } from '../open-conversation-store.js'

/** Indexes until it is killed, and prints each batch that it embeds. */
const [url = ''] = process.argv.slice(2)
const embedder = new ConceptEmbedder()
embedder.before = async (texts) => {
  console.log(texts.length)
  await new Promise((resolve) => setTimeout(resolve, 5))
}
await openConversationStore(await openDocumentStore(url), {
  search: { embedder, indexing: { startAfterMs: 0, pollMs: 20, duty: 1, leaseMs: 1500 } },
})
// What works in the background keeps no process alive.
setInterval(() => {}, 1000)
