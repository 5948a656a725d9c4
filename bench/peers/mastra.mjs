// Mastra's PostgreSQL storage at its best settings: one pool as large as ours, a thread for each caller.
import { PostgresStore } from '@mastra/pg'
import { randomUUID } from 'node:crypto'
import { serve } from './serve.mjs'

await serve(async ({ url, connections, callers, payload }) => {
  const store = new PostgresStore({ id: 'bench', connectionString: url, max: connections })
  await store.init()
  const memory = await store.getStore('memory')
  const now = () => new Date()
  for (let caller = 0; caller < callers; caller += 1) {
    await memory.saveThread({
      thread: {
        id: `thread-${caller}`,
        resourceId: 'bench',
        title: '',
        metadata: {},
        createdAt: now(),
        updatedAt: now(),
      },
    })
  }
  return {
    operations: {
      append: (caller) =>
        memory.saveMessages({
          messages: [
            {
              id: randomUUID(),
              threadId: `thread-${caller}`,
              resourceId: 'bench',
              role: 'user',
              type: 'v2',
              createdAt: now(),
              content: { format: 2, parts: [{ type: 'text', text: payload.text }] },
            },
          ],
        }),
    },
    close: () => store.close(),
  }
})
