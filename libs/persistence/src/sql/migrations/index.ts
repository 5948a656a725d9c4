import { relations } from './0001-relations.js'
import { blobs } from './0002-blobs.js'

export interface Migration {
  /** 1, 2, 3, …: the order in which migrations run, each once, never changed after its release. */
  readonly version: number
  readonly name: string
  readonly sql: string
}

/** The fixed part of the schema. Tables of collections and logs are made when they are first used, see schema.ts. */
export const migrations: readonly Migration[] = [relations, blobs]
