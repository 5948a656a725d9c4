import { setTimeout as delay } from 'node:timers/promises'
// Without the server, which takes half of the start.
import { openLocalEngine } from '@holdfast/dag-execution/engine'
import { type DocumentStore, openDocumentStore } from '@holdfast/persistence'
import { type ExecutorMessage, work } from './work.js'

/** A process that runs graphs until it is killed. */
const url = process.argv[2] ?? ''
process.once('disconnect', () => process.exit(1))
// It may have been left while it loaded.
if (!process.connected) process.exit(1)

const store = await open()
await openLocalEngine(store, {
  // Waits of some milliseconds are let go of already, so that this is killed in the middle as well.
  parkAfterMs: 2,
  executors: {
    async custom({ run, node, attempt, input, signal }) {
      tell({ kind: 'call', run, node, attempt, at: Date.now() })
      await delay(Math.random() * 500, undefined, { signal })
      return work({ node, attempt, input })
    },
  },
})
tell({ kind: 'ready' })

/** The database may be down at this moment. */
async function open(): Promise<DocumentStore> {
  for (;;) {
    try {
      return await openDocumentStore(url)
    } catch {
      await delay(100)
    }
  }
}

function tell(message: ExecutorMessage): void {
  process.send?.(message)
}
