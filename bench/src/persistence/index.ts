import { openDocumentStore } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import pg from 'pg'
import type { BenchOptions, BenchReport } from '../benchmark.js'
import { collectFigures } from '../figures.js'
import { bulkAgainstCopy } from './bulk.js'
import { embeddedAgainstPglite } from './embedded.js'
import { feedCost } from './feed.js'
import { appendFlatness } from './flatness.js'
import { idleMemory } from './idle-memory.js'
import { amongAMillion } from './million.js'
import { payload, type Payload, seededDocuments } from './payload.js'
import { againstPeers } from './peers.js'
import { againstRawSql } from './raw-sql.js'
import type { Report } from './report.js'

/** The document store on one PostgreSQL server, against hand-written SQL and against peers. */
export async function run({ long, report: print }: BenchOptions): Promise<BenchReport> {
  const connections = 10
  const { figures, report: collected } = collectFigures(
    print,
    `PostgreSQL: default durability (fsync, synchronous_commit on), ${connections} connections a side`,
  )
  const report: Report = { ...figures, rounds: long ? 15 : 5, ms: long ? 3000 : 900 }
  await using server = await startPostgres({ settings: { shared_buffers: '256MB' } })
  {
    const url = await server.createDatabase()
    await using store = await openDocumentStore(url, { maxConnections: connections })
    const documents = store.collection<Payload>('bench')
    const ids = Array.from({ length: seededDocuments }, (_, index) => `doc-${index}`)
    await Promise.all(ids.map((id, index) => documents.put(id, payload(index))))
    const pool = new pg.Pool({ connectionString: url, max: connections })
    try {
      await againstRawSql(store, pool, report)
      await appendFlatness(store, report)
      await againstPeers(store, await server.createDatabase(), connections, report)
      await feedCost(store, report)
      await bulkAgainstCopy(store, pool, report)
    } finally {
      await pool.end()
    }
  }
  await amongAMillion(await server.createDatabase(), long, report)
  await idleMemory(await server.createDatabase(), report)
  await embeddedAgainstPglite(report)
  return collected
}
