// LangGraph's PostgreSQL checkpointer at its best settings: one pool as large as ours, a thread for each caller, one checkpoint
// with one new version of a channel of ten messages for each put.
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres'
import { uuid6 } from '@langchain/langgraph-checkpoint'
import pg from 'pg'
import { serve } from './serve.mjs'

await serve(async ({ url, connections, callers, payload }) => {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  const saver = new PostgresSaver(pool)
  await saver.setup()
  const messages = Array.from({ length: 10 }, (_, n) => ({ id: `m${n}`, type: 'human', content: payload.text }))
  const versions = Array.from({ length: callers }, () => 0)
  const parents = Array.from({ length: callers }, () => undefined)
  return {
    operations: {
      append: async (caller) => {
        const version = (versions[caller] += 1)
        const parent = parents[caller]
        const checkpoint = {
          v: 4,
          id: uuid6(version),
          ts: new Date().toISOString(),
          channel_values: { messages },
          channel_versions: { messages: version },
          versions_seen: {},
        }
        const config = {
          configurable: {
            thread_id: `thread-${caller}`,
            checkpoint_ns: '',
            ...(parent === undefined ? {} : { checkpoint_id: parent }),
          },
        }
        const saved = await saver.put(
          config,
          checkpoint,
          { source: 'loop', step: version, parents: {} },
          { messages: version },
        )
        parents[caller] = saved.configurable.checkpoint_id
      },
    },
    close: () => saver.end(),
  }
})
