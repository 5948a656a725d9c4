import type { TransferCounts } from './records.js'

export interface ExportOptions {
  /** Only what belongs to this tenant; default: everything. */
  readonly tenant?: string
  /** Whether the keys of encrypted data come along, wrapped by the master key; default false. Whoever has such an export and the master key can read what
   *  `shredTenant` made unreadable since. */
  readonly keys?: boolean
  /** Told now and then how much was exported so far. */
  readonly onProgress?: (counts: Readonly<TransferCounts>) => void
}

export interface ImportOptions {
  /** Where an export of one tenant goes; default: the tenant that it is of. */
  readonly tenant?: string
  /** What becomes of a document or stream that is there already and differs: `fail` (default) ends the import with ALREADY_EXISTS, `skip` leaves it,
   *  `replace` makes it what the export says. What is there and equal is left alone in any case. */
  readonly onConflict?: 'fail' | 'skip' | 'replace'
  /** Stops between two batches, with CANCELLED; the same import again goes on. */
  readonly signal?: AbortSignal
  /** Told now and then how many bytes of the export were read. */
  readonly onProgress?: (bytes: number) => void
}

export interface ImportReport {
  /** What the export holds. */
  readonly read: Readonly<TransferCounts>
  /** What was not there before, or not so; all 0 when an import is repeated. */
  readonly written: Readonly<WrittenCounts>
  /** What differs and was left alone, with `skip`. */
  readonly skipped: { readonly documents: number; readonly streams: number }
}

export type WrittenCounts = Omit<TransferCounts, 'collections' | 'logs'>
