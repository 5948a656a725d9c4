import { asHoldfastError, type FieldViolation, invalidField } from '@holdfast/errors'
import type { StoredDocument } from '../backend.js'
import { decodeJson } from '../json.js'
import { checkOptions } from '../options.js'
import { everything } from '../query/predicate.js'
import type { DataSchema } from './data-schema.js'
import { batchesById, type RewriteTarget } from './rewrite.js'

export interface SchemaCheckOptions {
  /** Looks at this many documents at most, the first by id; default: at all. */
  readonly sample?: number
  /** How many rejected documents are named; default 20, at most 1,000. */
  readonly examples?: number
  readonly signal?: AbortSignal
}

export interface SchemaCheck {
  readonly checked: number
  readonly accepted: number
  readonly rejected: number
  /** By path without array places (`data.items[].price`): how many documents have a fault there. At most 100 paths. */
  readonly paths: Readonly<Record<string, number>>
  /** The first documents that are rejected, with what is wrong. */
  readonly examples: readonly { readonly id: string; readonly fields: readonly FieldViolation[] }[]
}

const batchSize = 200
const maxPaths = 100
const maxFieldsOfExample = 10

/** Reads documents as `get` would, in batches, and writes nothing. One that `get` could not read is rejected, too. */
export async function checkSchema(
  { collection, tenant, stored, codec }: Omit<RewriteTarget, 'schema'>,
  schema: DataSchema,
  options: SchemaCheckOptions,
): Promise<SchemaCheck> {
  checkOptions(options, ['sample', 'examples', 'signal'])
  const sample = checkCount(options.sample ?? Infinity, 'sample', Infinity)
  const maxExamples = checkCount(options.examples ?? 20, 'examples', 1_000)
  const paths = new Map<string, number>()
  const examples: SchemaCheck['examples'][number][] = []
  let checked = 0
  let rejected = 0
  const limit = Math.min(batchSize, sample)
  const faultsOf = async (row: StoredDocument): Promise<FieldViolation[]> => {
    try {
      const { json } = codec === undefined ? row : await codec.decode({ tenant, id: row.id }, row)
      return await schema.faults(decodeJson(json), 'data')
    } catch (error) {
      return [{ field: 'data', description: asHoldfastError(error, 'Reading it').message }]
    }
  }
  for await (const rows of batchesById(stored, collection, tenant, everything, limit, options.signal)) {
    for (const row of rows.slice(0, sample - checked)) {
      checked += 1
      const fields = await faultsOf(row)
      if (fields.length === 0) continue
      rejected += 1
      const places = new Set(fields.map(({ field }) => field.replaceAll(/\[\d+\]/g, '[]')))
      for (const place of places) {
        if (paths.has(place) || paths.size < maxPaths) paths.set(place, (paths.get(place) ?? 0) + 1)
      }
      if (examples.length < maxExamples) examples.push({ id: row.id, fields: fields.slice(0, maxFieldsOfExample) })
    }
    if (checked >= sample) break
  }
  return { checked, accepted: checked - rejected, rejected, paths: Object.fromEntries(paths), examples }
}

function checkCount(value: unknown, field: string, most: number): number {
  if (value === Infinity && most === Infinity) return value
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  throw invalidField(field, most === Infinity ? 'must be a positive integer' : `must be an integer from 1 to ${most}`)
}
