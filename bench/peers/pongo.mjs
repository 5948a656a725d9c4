// Pongo at its best settings: one pool as large as ours. It has no upsert, so a put is a replaceOne of a document that is there.
import { pongoClient } from '@event-driven-io/pongo'
import pg from 'pg'
import { serve } from './serve.mjs'

await serve(async ({ url, connections, documents, payload }) => {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  const client = pongoClient(url, { connectionOptions: { pool, pooled: true } })
  const collection = client.db().collection('pongo_bench')
  for (let start = 0; start < documents; start += 500) {
    const batch = Array.from({ length: Math.min(500, documents - start) }, (_, i) => ({
      _id: `doc-${start + i}`,
      ...payload,
      n: start + i,
    }))
    await collection.insertMany(batch)
  }
  let n = 0
  const anyId = () => `doc-${Math.floor(Math.random() * documents)}`
  return {
    operations: {
      put: async () => {
        const { successful } = await collection.replaceOne({ _id: anyId() }, { ...payload, n: (n += 1) })
        if (!successful) throw new Error('Pongo replaced nothing')
      },
      get: async () => {
        if ((await collection.findOne({ _id: anyId() })) === null) throw new Error('Pongo found nothing')
      },
    },
    close: async () => {
      await client.close()
      await pool.end()
    },
  }
})
