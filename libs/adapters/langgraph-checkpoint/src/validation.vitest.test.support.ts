import { deltaChannelHistoryTests, validate } from '@langchain/langgraph-checkpoint-validation'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { HoldfastSaver } from './holdfast-saver.js'

let store: DocumentStore | undefined
let count = 0

const initializer = {
  checkpointerName: '@holdfast/langgraph-checkpoint',
  async beforeAll() {
    store = await openDocumentStore(process.env['VALIDATION_DATABASE'] ?? 'memory:')
  },
  async afterAll() {
    await store?.close()
  },
  /** Each with collections of its own: the suite lists all threads, too. */
  async createCheckpointer() {
    store ??= await openDocumentStore(process.env['VALIDATION_DATABASE'] ?? 'memory:')
    count += 1
    return new HoldfastSaver({ store, name: `v${count}` })
  },
}

validate(initializer)
// Not part of `validate`, because other savers have only the base class's form of it.
deltaChannelHistoryTests(initializer)
