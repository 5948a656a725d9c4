import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDocumentStore } from '@holdfast/persistence'
import { describeSessionStore } from './conformance/index.js'
import { openSessionStore } from './open-session-store.js'

describeSessionStore(
  'sessions in the embedded database, with a cache in the process',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-session-'))
    const store = await openDocumentStore(`embedded:${folder}`)
    return {
      open: () => openSessionStore({ store, cache: { inProcessBytes: 1024 * 1024 } }),
      stop: async () => {
        await store.close()
        await rm(folder, { recursive: true })
      },
    }
  },
  { lacks: { processes: 'a cache in the process serves one process' } },
)
