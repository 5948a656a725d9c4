import { asHoldfastError, invalidField } from '@holdfast/errors'
import type { Filter } from '../contract/document.js'
import type { Collection } from '../contract/scope.js'
import { checkOptions } from '../options.js'
import type { BulkOperation, BulkOptions, BulkReport, BulkResult } from './bulk-operations.js'

/** How many unordered operations are under way at once: as many as one coalesced statement takes. */
const concurrency = 256

export async function runBulk<T>(
  collection: Collection<T>,
  operations: readonly BulkOperation<T>[],
  options: BulkOptions = {},
): Promise<BulkReport<T>> {
  checkOptions(options, ['ordered'])
  const { ordered = true } = options
  if (typeof ordered !== 'boolean') throw invalidField('ordered', 'must be true or false')
  if (!Array.isArray(operations)) throw invalidField('operations', 'must be an array')
  // All of them before the first takes effect.
  const calls = operations.map((operation: BulkOperation<T>, index) =>
    parse(collection, operation, `operations[${index}]`),
  )
  const results: BulkResult<T>[] = calls.map(() => ({ status: 'skipped' }))
  const step = ordered ? orderedStep : concurrency
  for (let start = 0; start < calls.length;) {
    const count = typeof step === 'number' ? Math.min(step, calls.length - start) : step(calls, start)
    const done = await Promise.all(calls.slice(start, start + count).map(({ run }) => attempt(run)))
    for (const [index, result] of done.entries()) results[start + index] = result
    start += count
    if (ordered && done.some(({ status }) => status === 'failed')) break
  }
  const countOf = (status: BulkResult<T>['status']) => results.filter((result) => result.status === status).length
  return { results, done: countOf('done'), failed: countOf('failed'), skipped: countOf('skipped') }
}

interface Call<T> {
  readonly run: () => Promise<BulkResult<T>>
  /** The document that an unconditional put is about. */
  readonly puts?: string
}

/** Unconditional puts of different documents have no order among each other that anybody could see, so they go together. */
function orderedStep<T>(calls: readonly Call<T>[], start: number): number {
  const ids = new Set<string>()
  let end = start
  for (; end < calls.length && ids.size < concurrency; end += 1) {
    const id = calls[end]?.puts
    if (id === undefined || ids.has(id)) break
    ids.add(id)
  }
  return Math.max(1, end - start)
}

async function attempt<T>(run: () => Promise<BulkResult<T>>): Promise<BulkResult<T>> {
  try {
    return await run()
  } catch (error) {
    return { status: 'failed', error: asHoldfastError(error, 'The operation') }
  }
}

function parse<T>(collection: Collection<T>, operation: BulkOperation<T>, at: string): Call<T> {
  const names = typeof operation === 'object' && operation !== null ? Object.keys(operation) : []
  const [kind] = names
  if (names.length !== 1 || kind === undefined || !(kind in knownMembers)) {
    throw invalidField(at, 'must be one of { insert }, { put }, { update }, { delete }')
  }
  const members: unknown = (operation as Readonly<Record<string, unknown>>)[kind]
  if (typeof members !== 'object' || members === null) throw invalidField(`${at}.${kind}`, 'must be an object')
  for (const member of Object.keys(members)) {
    if (knownMembers[kind]?.includes(member) === true) continue
    throw invalidField(`${at}.${kind}.${member}`, `is not known here: known are ${knownMembers[kind]?.join(', ')}`)
  }
  if ('insert' in operation) return { run: () => insert(collection, operation.insert) }
  if ('put' in operation) {
    const { id, data, ifVersion } = operation.put
    const run = async (): Promise<BulkResult<T>> => ({
      status: 'done',
      document: await collection.put(id, data, ifVersionOf(ifVersion)),
    })
    return ifVersion === undefined && typeof id === 'string' ? { run, puts: id } : { run }
  }
  if ('update' in operation) return { run: () => update(collection, operation.update, `${at}.update`) }
  return { run: () => remove(collection, operation.delete, `${at}.delete`) }
}

const knownMembers: Readonly<Record<string, readonly string[]>> = {
  insert: ['id', 'data'],
  put: ['id', 'data', 'ifVersion'],
  update: ['filter', 'update', 'ifVersion', 'upsert', 'many'],
  delete: ['filter', 'ifVersion', 'many'],
}

async function insert<T>(
  collection: Collection<T>,
  { id, data }: { readonly id?: string; readonly data: T },
): Promise<BulkResult<T>> {
  return { status: 'done', document: await collection.insertOne(data, id === undefined ? {} : { id }) }
}

async function update<T>(
  collection: Collection<T>,
  call: Extract<BulkOperation<T>, { update: unknown }>['update'],
  at: string,
): Promise<BulkResult<T>> {
  const { filter, update: change, ifVersion, upsert, many = false } = call
  if (many) {
    if (ifVersion !== undefined || upsert !== undefined)
      throw invalidField(at, 'cannot have ifVersion or upsert with many')
    return { status: 'done', ...(await collection.updateMany(asFilter(filter), change)) }
  }
  const options = { ...ifVersionOf(ifVersion), ...(upsert === undefined ? {} : { upsert }) }
  const document = await collection.updateOne(filter, change, options)
  return document === undefined ? { status: 'done', matched: 0 } : { status: 'done', matched: 1, document }
}

async function remove<T>(
  collection: Collection<T>,
  { filter, ifVersion, many = false }: Extract<BulkOperation<T>, { delete: unknown }>['delete'],
  at: string,
): Promise<BulkResult<T>> {
  if (many) {
    if (ifVersion !== undefined) throw invalidField(at, 'cannot have ifVersion with many')
    return { status: 'done', ...(await collection.deleteMany(asFilter(filter))) }
  }
  return { status: 'done', deleted: (await collection.deleteOne(filter, ifVersionOf(ifVersion))) ? 1 : 0 }
}

const asFilter = (filter: string | Filter): Filter => (typeof filter === 'string' ? { _id: filter } : filter)

const ifVersionOf = (ifVersion: number | undefined): { readonly ifVersion?: number } =>
  ifVersion === undefined ? {} : { ifVersion }
