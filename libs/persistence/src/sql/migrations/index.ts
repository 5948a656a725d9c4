import { relations } from './0001-relations.js'
import { blobs } from './0002-blobs.js'
import { transactions } from './0003-transactions.js'
import { blobLinks } from './0004-blob-links.js'
import { tenantKeys } from './0005-tenant-keys.js'
import { queryShapes } from './0008-query-shapes.js'
import { feeds } from './0006-feeds.js'
import type { Migration } from './migration.js'

/** The fixed part of the schema. Tables of collections and logs are made when they are first used, see schema.ts. */
export const migrations: readonly Migration[] = [
  relations,
  blobs,
  transactions,
  blobLinks,
  tenantKeys,
  feeds,
  queryShapes,
]
