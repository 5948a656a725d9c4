import * as fc from 'fast-check'
import type { Filter, Sort } from '../document-store.js'

/** Few names and few values, so that filters hit, values collide, and types meet. */
const key = fc.oneof(
  { arbitrary: fc.constantFrom('a', 'b'), weight: 6 },
  { arbitrary: fc.constantFrom('0', '1', '__proto__'), weight: 2 },
)

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: fc.constantFrom<unknown>(null, true, 0, 1, 'a', 'b'), weight: 6 },
  {
    arbitrary: fc.oneof(
      fc.constantFrom(false, 2, -1, 0.1, 1e21, 2 ** 53, 1e-7),
      fc.constantFrom('', 'A', '1', '10', '2', 'é', '\uff5e', '\u{1f600}', '\0', '\ud800', '\ufdd0', 'a\\"b', '%_'),
    ),
    weight: 2,
  },
)

const { value } = fc.letrec<{ value: unknown; array: unknown[]; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof({ maxDepth: 3, withCrossShrink: true }, scalar, tie('array'), tie('object')),
  array: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(key, tie('value'), { maxKeys: 3, noNullPrototype: true }),
}))

const document = fc
  .tuple(fc.option(value, { nil: undefined }), fc.dictionary(key, value, { maxKeys: 2, noNullPrototype: true }))
  .map(([a, rest]) => (a === undefined ? rest : { ...rest, a }))

export const randomDocuments: fc.Arbitrary<unknown[]> = fc.array(document, { maxLength: 8 })

const path = fc
  .oneof(
    { arbitrary: fc.tuple(key), weight: 5 },
    { arbitrary: fc.tuple(key, key), weight: 4 },
    { arbitrary: fc.tuple(key, key, key), weight: 1 },
  )
  .map((segments) => segments.join('.'))

const range = fc
  .tuple(fc.constantFrom('$gt', '$gte', '$lt', '$lte'), scalar)
  .map(([operator, bound]) => ({ [operator]: bound }))

const pattern = fc.constantFrom(
  'a',
  '^a',
  'b$',
  '^$',
  '.',
  '^.$',
  '[^a]',
  '\\w',
  '\\W',
  '\\bb',
  'a|\\\\',
  'É',
  '(1|0)+',
  '"',
)

const operators: fc.Arbitrary<unknown> = fc.oneof(
  fc.record({ $eq: value }),
  fc.record({ $ne: value }),
  range,
  fc.tuple(range, range).map(([first, second]) => ({ ...first, ...second })),
  fc.record({ $in: fc.array(value, { maxLength: 3 }) }),
  fc.record({ $nin: fc.array(value, { maxLength: 3 }) }),
  fc.record({ $exists: fc.boolean() }),
  fc
    .uniqueArray(fc.constantFrom('number', 'string', 'object', 'array', 'bool', 'null'), { minLength: 1, maxLength: 2 })
    .map(($type) => ({ $type })),
  fc.record({ $regex: pattern, $options: fc.constantFrom('', 'i', 'm', 's', 'x') }),
  fc.record({ $all: fc.array(value, { maxLength: 2 }) }),
  fc.nat(3).map(($size) => ({ $size })),
  fc.constantFrom([2, 0], [2, 1], [3, -1], [2 ** 53 - 1, 0]).map(($mod) => ({ $mod })),
)

const ofElements: fc.Arbitrary<unknown> = fc.letrec<{ elemMatch: unknown; criteria: unknown }>((tie) => ({
  elemMatch: tie('criteria').map(($elemMatch) => ({ $elemMatch })),
  criteria: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    operators,
    fc.constant({}),
    fc.tuple(path, operators).map(([name, one]) => Object.fromEntries([[name, one]])),
    fc.tuple(path, scalar).map(([name, one]) => Object.fromEntries([[name, one]])),
    tie('elemMatch'),
    fc.tuple(path, tie('elemMatch')).map(([name, one]) => Object.fromEntries([[name, one]])),
    operators.map((one) => ({ $not: one })),
    fc.tuple(fc.constantFrom('$or', '$nor'), path, operators).map(([join, name, one]) => ({
      [join]: [Object.fromEntries([[name, one]]), { a: 1 }],
    })),
  ),
})).elemMatch

const condition: fc.Arbitrary<unknown> = fc.oneof(
  { withCrossShrink: true },
  scalar,
  operators,
  operators,
  ofElements,
  ofElements.map((one) => ({ $all: [one] })),
  value,
  operators.map((negated) => ({ $not: negated })),
)

const onField: fc.Arbitrary<Filter> = fc
  .tuple(path, condition)
  .map(([name, wanted]) => Object.fromEntries([[name, wanted]]))

const onMeta: fc.Arbitrary<Filter> = fc.oneof(
  fc.constantFrom('d0', 'd1', 'd5').map((id) => ({ _id: id })),
  fc.subarray(['d0', 'd2', 'd4', 'none']).map((ids) => ({ _id: { $nin: ids } })),
  fc.constantFrom('d1', 'd3').map((id) => ({ _id: { $gt: id } })),
  fc.constantFrom(0, 1, 2).map((version) => ({ _version: { $lte: version } })),
  fc.boolean().map((later) => ({ _createdAt: { [later ? '$gt' : '$lt']: new Date('2020-01-01') } })),
)

export const randomFilter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter; joined: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    { arbitrary: onField, weight: 6 },
    { arbitrary: onMeta, weight: 1 },
    { arbitrary: fc.constant({}), weight: 1 },
    { arbitrary: tie('joined'), weight: 3 },
  ),
  joined: fc
    .tuple(fc.constantFrom('$and', '$or', '$nor'), fc.array(tie('filter'), { minLength: 1, maxLength: 3 }))
    .map(([operator, filters]) => ({ [operator]: filters })),
})).filter

export const randomSort: fc.Arbitrary<Sort> = fc
  .array(fc.tuple(fc.oneof(path, fc.constantFrom('_id', '_version', '_createdAt')), fc.constantFrom<1 | -1>(1, -1)), {
    maxLength: 3,
  })
  .map((keys) => Object.fromEntries(keys))
