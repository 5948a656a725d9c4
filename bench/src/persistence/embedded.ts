import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { openDocumentStore } from '@holdfast/persistence'
import { anySeededId, payload, type Payload } from './payload.js'
import { compareRates, type Report } from './report.js'

/** Against PGlite itself, one statement each. Its own `query` does not sync to the disk; ours does. */
export async function embeddedAgainstPglite(report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  try {
    await using store = await openDocumentStore(`embedded:${join(folder, 'ours')}`)
    await using raw = await PGlite.create(join(folder, 'raw'))
    await raw.exec(`create table c_bench (tenant text collate "C", id text collate "C", version bigint not null,
      created_at timestamptz(3) not null, updated_at timestamptz(3) not null, data jsonb not null, primary key (tenant, id))
      with (fillfactor = 90)`)
    const documents = store.collection<Payload>('bench')
    let n = 0
    await compareRates(report, 'embedded_put_c64_vs_raw', 64, {
      ours: () => documents.put(anySeededId(), payload((n += 1))),
      theirs: () =>
        raw.query(
          `insert into c_bench as t values ($1, $2, 1, now(), now(), $3) on conflict (tenant, id) do update
           set version = t.version + 1, updated_at = excluded.updated_at, data = excluded.data
           returning version, created_at, updated_at`,
          ['default', anySeededId(), payload((n += 1))],
        ),
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
