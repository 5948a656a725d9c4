import type { IndexSpecification, Sort } from './contract/document.js'

/** What is declared, what is there, and what is missing. */
export interface IndexReport {
  /** By collection and name. */
  readonly indexes: readonly IndexState[]
  /** Shapes of finds and counts that no index serves, the most expensive first: those of this process, and what other
   *  processes left in the database. */
  readonly missing: readonly MissingIndex[]
}

export interface IndexState {
  readonly collection: string
  readonly name: string
  /** Field paths; empty for an index that nobody declares and that was made by hand. */
  readonly on: readonly string[]
  readonly kind: 'fields' | 'array' | 'text'
  readonly unique: boolean
  /** Only documents that match a condition are in it. */
  readonly partial: boolean
  /** - `ready`: declared, and serves.
   *  - `building`: declared; a process makes it just now.
   *  - `missing`: declared and not there. The next process that opens the collection with this declaration makes it.
   *  - `invalid`: the rest of a build that failed. It costs every write and serves nothing. Made anew as `missing` is.
   *  - `undeclared`: there, but the newest declaration of the collection does not have it. `drop` removes it. */
  readonly status: 'ready' | 'building' | 'missing' | 'invalid' | 'undeclared'
  /** Absent: not there, or the backend cannot tell. */
  readonly sizeBytes?: number
  /** How often the server has used it since its statistics began, uniqueness checks not counted. Absent: not known. */
  readonly scans?: number
  /** Whether it costs without serving: ready, not unique, and never used. Judge that only after a representative time. */
  readonly unused: boolean
  /** Why the last attempt of this process to make it failed. */
  readonly error?: string
}

/** What the queries of one shape have cost. Values are never kept. */
export interface QueryShape {
  readonly collection: string
  /** Paths that are compared with `=` or `$in`, in alphabetical order. */
  readonly equality: readonly string[]
  /** Paths that are compared otherwise. */
  readonly range: readonly string[]
  readonly sort: Sort
  readonly count: number
  readonly totalMs: number
}

export interface MissingIndex extends QueryShape {
  /** What to add to `indexes`. */
  readonly suggestion: IndexSpecification
}

/** `store.indexes` */
export interface Indexes {
  /** @param collection default: all of the database. @throws UNAVAILABLE */
  report(collection?: string): Promise<IndexReport>
  /** Indexes on tables with data are built in the background: resolves when this process builds none any more.
   *  @throws what a build failed with, once */
  built(): Promise<void>
  /** Drops an index that is not declared any more, without blocking writers.
   *  @throws NOT_FOUND; FAILED_PRECONDITION with reason INDEX_DECLARED if it is declared */
  drop(name: string): Promise<void>
}
