import { asHoldfastError, HoldfastError, invalidField } from '@holdfast/errors'
import type { DocumentOperations, Key, StoredDocument } from '../backend.js'
import { decodeJson, encodeJson } from '../json.js'
import { checkOptions } from '../options.js'
import type { Predicate } from '../query/predicate.js'
import type { DataSchema } from './data-schema.js'
import type { DocumentCodec } from './document-codec.js'

export interface RewriteOptions {
  /** Documents of one round trip; default 200. */
  readonly batchSize?: number
  /** Ends the work between two batches; what is done stays done. */
  readonly signal?: AbortSignal
  readonly onProgress?: (report: RewriteReport) => void
}

export interface RewriteReport {
  /** Documents that were not in the newest form. */
  readonly found: number
  readonly rewritten: number
  /** Others wrote them meanwhile, and so in the newest form. */
  readonly overtaken: number
  readonly failed: number
  /** The first 20 of those. They were left as they are. */
  readonly failures: readonly { readonly id: string; readonly reason: string; readonly message: string }[]
}

const maxFailures = 20

export interface RewriteTarget {
  readonly collection: string
  readonly tenant: string
  /** Without the codec. */
  readonly stored: DocumentOperations
  readonly codec: DocumentCodec | undefined
  readonly schema: DataSchema | undefined
}

/** Writes every document anew that is not stored in the newest form, in batches by id, each document only if nobody wrote it
 *  meanwhile. May be stopped and run again at any time, also by several processes. */
export async function rewriteOutdated(
  { collection, tenant, stored, codec, schema }: RewriteTarget,
  options: RewriteOptions,
): Promise<RewriteReport> {
  checkOptions(options, ['batchSize', 'signal', 'onProgress'])
  const limit = checkBatchSize(options.batchSize)
  const report = {
    found: 0,
    rewritten: 0,
    overtaken: 0,
    failed: 0,
    failures: [] as RewriteReport['failures'][number][],
  }
  // Without versions and encryption there is one form only.
  if (codec === undefined) return report
  const where = await codec.outdated()
  for await (const rows of batchesById(stored, collection, tenant, where, limit, options.signal)) {
    report.found += rows.length
    const renewed = await Promise.all(
      rows.map(async (row) => {
        const key = { tenant, id: row.id }
        try {
          return { ...key, ifVersion: row.version, bump: 1, json: await newestForm(key, row, codec, schema) }
        } catch (error) {
          const { reason, message } = asHoldfastError(error, `Document ${row.id}`)
          report.failed += 1
          if (report.failures.length < maxFailures) report.failures.push({ id: row.id, reason, message })
          return undefined
        }
      }),
    )
    const writes = renewed.filter((write) => write !== undefined)
    const written = writes.length === 0 ? [] : await stored.replace(collection, writes)
    const done = written.filter((answer) => answer !== undefined).length
    report.rewritten += done
    report.overtaken += written.length - done
    options.onProgress?.({ ...report, failures: [...report.failures] })
  }
  return report
}

async function newestForm(
  key: Key,
  row: StoredDocument,
  codec: DocumentCodec,
  schema: DataSchema | undefined,
): Promise<string> {
  const { json } = await codec.decode(key, row)
  const accepted = schema === undefined ? json : encodeJson(await schema.acceptJson(decodeJson(json), 'data'))
  return codec.encode(key, accepted)
}

/** All documents that match, `limit` at a time in the order of their ids. */
export async function* batchesById(
  operations: DocumentOperations,
  collection: string,
  tenant: string,
  where: Predicate,
  limit: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredDocument[]> {
  let after: string | undefined
  for (;;) {
    if (signal?.aborted === true) {
      throw new HoldfastError('CANCELLED', 'The work was stopped by its signal: run it again to go on', {
        cause: signal.reason,
      })
    }
    const query = { tenant, where, sort: [], limit }
    const rows = await operations.query(
      collection,
      after === undefined ? query : { ...query, after: [{ rank: 3, number: 0, text: after }] },
    )
    if (rows.length > 0) yield rows
    if (rows.length < limit) return
    after = rows.at(-1)?.id
  }
}

export function checkBatchSize(batchSize: unknown = 200): number {
  if (typeof batchSize === 'number' && Number.isSafeInteger(batchSize) && batchSize >= 1 && batchSize <= 5_000) {
    return batchSize
  }
  throw invalidField('batchSize', 'must be an integer from 1 to 5000')
}
