/** For tables that are not the document store's own: statements over the same driver, with the same errors, coalesced the same way. */
export { openPostgresDriver, type PostgresDriverOptions } from '../postgres/driver.js'
export { Coalescer, type CoalescerOptions } from '../coalescer.js'
export { retryConflicts } from '../conflict-retry.js'
export type { SqlCell, SqlConnection, SqlDriver, SqlRow, SqlValue, Statement } from './driver.js'
export { int8Array, textArray } from './parameters.js'
