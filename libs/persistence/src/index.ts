export type {
  AppendOptions,
  Blob,
  Blobs,
  Collection,
  CollectionOptions,
  Document,
  DocumentStore,
  Entry,
  Filter,
  Find,
  FindOptions,
  IndexSpecification,
  Log,
  Page,
  ReadOptions,
  Scope,
  Sort,
  StoreHealth,
  StoreStatistics,
  TenantStore,
  TransactionOptions,
  Update,
  WriteOptions,
} from './document-store.js'
export type { MigrationReport, StreamHead } from './backend.js'
export { defaultFolder, getDocumentStore, openDocumentStore, type OpenOptions } from './open.js'
export type { SlowCall } from './telemetry/observed-driver.js'
export type { ConnectionStatistics, StatementStatistics } from './telemetry/statistics.js'
