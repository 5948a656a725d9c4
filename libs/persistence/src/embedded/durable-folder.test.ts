import { PGlite } from '@electric-sql/pglite'
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DurableFolder } from './durable-folder.js'
import { unpackTemplate } from './template.js'

test('a commit leaves its log to be synced; syncing it, or any other change of the folder, syncs it first', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-durable-'))
  mkdirSync(join(folder, 'pg'))
  unpackTemplate(join(folder, 'pg'))
  const files = new DurableFolder(join(folder, 'pg'))
  const startParams = [...PGlite.defaultStartParams.filter((param) => param !== '-F'), '-c', 'wal_sync_method=fsync']
  const database = await PGlite.create({ fs: files, startParams })
  try {
    await database.exec('create table entries (n int)')
    files.syncLog()
    assert.equal(files.logIsSynced, true)
    await database.query('insert into entries values (1)')
    assert.equal(files.logIsSynced, false)
    files.syncLog()
    assert.equal(files.logIsSynced, true)

    await database.query('insert into entries values (2)')
    assert.equal(files.logIsSynced, false)
    await database.query('select * from entries')
    assert.equal(files.logIsSynced, false)
    // Its writes to tables and to pg_control come after its log.
    await database.query('checkpoint')
    assert.equal(files.logIsSynced, true)

    await database.query('create table other (n int)')
    files.syncLog()
    // The commit of a drop is followed by the removal of files, which must not come to the disk before it.
    await database.query('drop table other')
    assert.equal(files.logIsSynced, true)
  } finally {
    await database.close()
    rmSync(folder, { recursive: true })
  }
})
