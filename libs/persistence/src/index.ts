export type {
  AppendOptions,
  Blob,
  BlobHead,
  BlobOwner,
  Blobs,
  ClaimedDocument,
  ClaimOptions,
  CollectedBlobs,
  Collection,
  CollectionOptions,
  Document,
  DocumentStore,
  Entry,
  Filter,
  Find,
  FindOptions,
  IndexSpecification,
  Lease,
  LifetimeOptions,
  LeaseRelease,
  HeldEntries,
  Log,
  LogOptions,
  Page,
  Projection,
  PutOptions,
  ReadFrom,
  ReadLog,
  ReadOptions,
  ReadScope,
  Scope,
  Sort,
  StoreHealth,
  StoreStatistics,
  TenantStore,
  TransactionOptions,
  Update,
  WriteOptions,
} from './document-store.js'
export { type MongoImportOptions, readMongoExport } from './transfer/mongodb.js'
export type { BulkOperation, BulkOptions, BulkReport, BulkResult } from './transfer/bulk-operations.js'
export type { ExportOptions, ImportOptions, ImportReport } from './transfer/transfer-options.js'
export type {
  BackupManifest,
  BackupOptions,
  BackupProgress,
  BackupReport,
  BackupSource,
  BackupTarget,
  ContentDigest,
  RestoreOptions,
  RestoreReport,
  VerifyOptions,
} from './backup/backup-options.js'
export type { MoveOptions, MoveReport, PassReport } from './move/move-report.js'
export type { BackupSecret } from './backup/backup-key.js'
export { verifyBackup } from './backup/restore-backup.js'
export { checkLines } from './transfer/checked-records.js'
export type { LoadItem, LoadOptions, LoadReport } from './transfer/load.js'
export type { Indexes, IndexReport, IndexState, MissingIndex, QueryShape } from './index-report.js'
export type { MigrationReport, QueryPlan, StreamHead } from './backend.js'
export type { EncryptOption } from './encryption/encrypt-option.js'
export type { EncryptionOptions, KeyContext, MasterKey } from './encryption/master-keys.js'
export type { StoreEncryption } from './encryption/store-encryption.js'
export type { SchemaCheck, SchemaCheckOptions } from './schema/check-schema.js'
export type { RewriteOptions, RewriteReport } from './schema/rewrite.js'
export type { Upcast, UpcastStep } from './schema/schema-versions.js'
export type { StandardSchema } from './schema/standard-schema.js'
export type { BlobsOption, S3Credentials, S3Options } from './blobs/blob-options.js'
export { defaultFolder, getDocumentStore, openDocumentStore, type OpenOptions } from './open.js'
export type { ErasureReport, Subject, SubjectErasureReport } from './erase/erasure-report.js'
export type { SweepReport } from './expiry/sweeper.js'
export type { LogRetention } from './expiry/upkeep-operations.js'
export { contextOfTrace, type KeptTrace, traceToKeep } from './telemetry/kept-trace.js'
export type { SlowCall } from './telemetry/observed-driver.js'
export type { ConnectionStatistics, StatementStatistics } from './telemetry/statistics.js'
export type { Consumer, ConsumerOptions, FeedEvent, FeedOptions, WatchOptions } from './feed/change-feed.js'
export type { ConsumerHandler } from './contract/scope.js'
export { encodeJson } from './json.js'
export { oldestWaitMs } from './lane-waits.js'
