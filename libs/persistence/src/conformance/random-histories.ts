import * as fc from 'fast-check'
import type { AppendOptions, Filter, ReadOptions, Update, WriteOptions } from '../document-store.js'

/** A call as data, so that a history that fails can be printed and shrunk. */
export type Step = DocumentStep | LogStep

type DocumentStep =
  | { readonly call: 'put'; readonly id: string; readonly data: unknown; readonly options: WriteOptions }
  | { readonly call: 'insert'; readonly id: string; readonly data: unknown }
  | {
      readonly call: 'update'
      readonly target: string | Filter
      readonly update: Update
      readonly options: WriteOptions & { readonly upsert?: boolean }
    }
  | { readonly call: 'updateMany'; readonly filter: Filter; readonly update: Update }
  | { readonly call: 'delete'; readonly target: string | Filter; readonly options: WriteOptions }
  | { readonly call: 'deleteMany'; readonly filter: Filter }
  | { readonly call: 'find'; readonly filter: Filter }

type LogStep =
  | {
      readonly call: 'append'
      readonly stream: string
      readonly entries: { readonly key?: string; readonly data: unknown }[]
      readonly options: AppendOptions
    }
  | { readonly call: 'fork'; readonly from: string; readonly at: number; readonly to: string }
  | { readonly call: 'trim'; readonly stream: string; readonly to: { keepLast: number } | { beforeSeq: number } }
  | { readonly call: 'remove' | 'create'; readonly stream: string }
  | { readonly call: 'amend'; readonly stream: string; readonly seq: number; readonly data: unknown }
  | { readonly call: 'look'; readonly stream: string; readonly options: ReadOptions }

const id = fc.constantFrom('a', 'b', 'c')
const email = fc.constantFrom<unknown>(1, 2, 'x', null)

/** The second unique index would otherwise see only missing values, which are equal. */
const place = fc.integer({ min: 0, max: 1_000_000 })

const data = fc.oneof(
  { arbitrary: fc.record({ email, n: fc.nat(3), at: fc.record({ place }) }), weight: 5 },
  { arbitrary: fc.record({ email }), weight: 1 },
)

const ifVersion = fc.oneof(
  { arbitrary: fc.constant<WriteOptions>({}), weight: 3 },
  { arbitrary: fc.nat(4).map((version): WriteOptions => ({ ifVersion: version })), weight: 1 },
)

const filter: fc.Arbitrary<Filter> = fc.oneof(
  email.map((value) => ({ email: value })),
  fc.nat(3).map((n) => ({ n: { $gte: n } })),
  fc.nat(3).map((version) => ({ _version: { $lte: version } })),
  id.map((value) => ({ _id: value, n: { $exists: true } })),
)

const target = fc.oneof<fc.Arbitrary<string | Filter>[]>(id, filter)

const update: fc.Arbitrary<Update> = fc.oneof(
  fc.constant({ $inc: { n: 1 } }),
  email.map((value) => ({ $set: { email: value } })),
  place.map((value) => ({ $set: { 'at.place': value }, $push: { places: value } })),
  fc.constant({ $unset: { n: '' } }),
)

export const documentHistory: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ call: fc.constant('put' as const), id, data, options: ifVersion }),
    fc.record({ call: fc.constant('insert' as const), id, data }),
    fc.record({ call: fc.constant('update' as const), target, update, options: ifVersion }),
    // By id: one that is made by a filter would get a random one.
    fc.record({ call: fc.constant('update' as const), target: id, update, options: fc.constant({ upsert: true }) }),
    fc.record({ call: fc.constant('updateMany' as const), filter, update: fc.constant({ $inc: { n: 1 } }) }),
    fc.record({ call: fc.constant('delete' as const), target, options: ifVersion }),
    fc.record({ call: fc.constant('deleteMany' as const), filter }),
    fc.record({ call: fc.constant('find' as const), filter }),
  ),
  { minLength: 1, maxLength: 12 },
)

const stream = fc.constantFrom('a', 'b', 'c', 'd')
const seq = fc.integer({ min: 1, max: 8 })
const text = fc.constantFrom('x', 'y')

const plainEntries = fc.array(fc.record({ data: text }), { minLength: 1, maxLength: 3 })
const keyedEntries = fc
  .uniqueArray(fc.tuple(fc.constantFrom('k1', 'k2', 'k3', ''), text), {
    minLength: 1,
    maxLength: 3,
    selector: ([key]) => key,
  })
  .map((entries) => entries.map(([key, data]) => (key === '' ? { data } : { key, data })))

const appendOptions: fc.Arbitrary<AppendOptions> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 4 },
  { arbitrary: seq.map((ifNext) => ({ ifNext })), weight: 1 },
  { arbitrary: fc.constant({ ifExists: true }), weight: 1 },
)

type LogStepKind = 'append' | 'keyed' | 'fork' | 'trim' | 'remove' | 'create' | 'amend' | 'look'

const logSteps: Readonly<Record<LogStepKind, fc.Arbitrary<Step>>> = {
  append: fc.record({ call: fc.constant('append' as const), stream, entries: plainEntries, options: appendOptions }),
  keyed: fc.record({ call: fc.constant('append' as const), stream, entries: keyedEntries, options: appendOptions }),
  fork: fc.record({ call: fc.constant('fork' as const), from: stream, at: fc.nat(6), to: stream }),
  trim: fc.record({
    call: fc.constant('trim' as const),
    stream,
    to: fc.oneof(
      fc.nat(3).map((keepLast) => ({ keepLast })),
      seq.map((beforeSeq) => ({ beforeSeq })),
    ),
  }),
  remove: fc.record({ call: fc.constant('remove' as const), stream }),
  create: fc.record({ call: fc.constant('create' as const), stream }),
  amend: fc.record({ call: fc.constant('amend' as const), stream, seq, data: fc.constantFrom('x', 'amended') }),
  look: fc.record({
    call: fc.constant('look' as const),
    stream,
    options: fc.oneof(
      fc.constant({}),
      fc.record({ after: fc.nat(6), limit: fc.integer({ min: 1, max: 4 }), reverse: fc.boolean() }),
      fc.record({ before: seq, limit: fc.integer({ min: 1, max: 4 }), reverse: fc.boolean() }),
    ),
  }),
}

/** Histories of some kinds of steps, with a look at every stream at the end. Removals are rare: they end a stream's story. */
export function logHistory(kinds: readonly LogStepKind[]): fc.Arbitrary<Step[]> {
  const weights = { append: 4, keyed: 4, fork: 4, trim: 2, remove: 1, create: 1, amend: 2, look: 3 }
  const steps = kinds.map((kind) => ({ arbitrary: logSteps[kind], weight: weights[kind] }))
  const looks = ['a', 'b', 'c', 'd'].map((name): Step => ({ call: 'look', stream: name, options: {} }))
  return fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 16 }).map((history) => [...history, ...looks])
}
