import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresForTests } from '@holdfast/test-servers'
import { openEmbeddedDriver } from '../embedded/driver.js'
import { openPostgresDriver } from '../postgres/driver.js'
import type { SqlDriver } from './driver.js'

/** A database for one test file. */
export interface Server extends AsyncDisposable {
  /** Another driver on the same data, as another process has; `undefined` where there can be only one. */
  readonly another: (() => Promise<SqlDriver>) | undefined
  readonly driver: SqlDriver
}

async function startPostgresServer(): Promise<Server> {
  const database = await postgresForTests()
  const another = () => openPostgresDriver(database.url, { maxConnections: 1 })
  const driver = await openPostgresDriver(database.url)
  return {
    driver,
    another,
    async [Symbol.asyncDispose]() {
      await driver.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function startEmbedded(): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-logs-'))
  const driver = await openEmbeddedDriver(join(folder, 'data'))
  return {
    driver,
    another: undefined,
    async [Symbol.asyncDispose]() {
      await driver.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export const servers: readonly (readonly [name: 'postgres' | 'embedded', start: () => Promise<Server>])[] = [
  ['postgres', startPostgresServer],
  ['embedded', startEmbedded],
]
