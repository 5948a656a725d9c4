import { openDocumentStore } from '@holdfast/persistence'
import { describeSessionStore } from './conformance/index.js'
import { openSessionStore, type SessionCacheChoice } from './open-session-store.js'

const caches: Readonly<Record<string, SessionCacheChoice | undefined>> = {
  'without a cache': undefined,
  'with a cache in the process': { inProcessBytes: 64 * 1024 * 1024 },
}

for (const [which, cache] of Object.entries(caches)) {
  describeSessionStore(
    `sessions in memory, ${which}`,
    async () => {
      const store = await openDocumentStore('memory:')
      return {
        open: () => openSessionStore({ store, ...(cache === undefined ? {} : { cache }) }),
        stop: () => store.close(),
      }
    },
    cache === undefined ? {} : { lacks: { processes: 'a cache in the process serves one process' } },
  )
}
