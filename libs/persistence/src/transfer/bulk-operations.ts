import type { HoldfastError } from '@holdfast/errors'
import type { Document, Filter, Update } from '../contract/document.js'

/** One of the four. */
export type BulkOperation<T> =
  | { readonly insert: { readonly id?: string; readonly data: T } }
  | { readonly put: { readonly id: string; readonly data: T; readonly ifVersion?: number } }
  | {
      readonly update: {
        readonly filter: string | Filter
        readonly update: Update
        readonly ifVersion?: number
        readonly upsert?: boolean
        /** All that match, in place of the first. */
        readonly many?: boolean
      }
    }
  | { readonly delete: { readonly filter: string | Filter; readonly ifVersion?: number; readonly many?: boolean } }

export interface BulkOptions {
  /** Default true: one after the other, and none after the first that fails, as in MongoDB. False: all at once, which is faster, in any order. */
  readonly ordered?: boolean
}

/** What became of one operation. `skipped`: an ordered one after a failure. */
export type BulkResult<T> =
  | {
      readonly status: 'done'
      readonly document?: Document<T>
      readonly matched?: number
      readonly modified?: number
      readonly deleted?: number
    }
  | { readonly status: 'failed'; readonly error: HoldfastError }
  | { readonly status: 'skipped' }

export interface BulkReport<T> {
  /** In the order of the operations. */
  readonly results: readonly BulkResult<T>[]
  readonly done: number
  readonly failed: number
  readonly skipped: number
}
