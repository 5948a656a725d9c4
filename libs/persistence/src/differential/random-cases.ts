import * as fc from 'fast-check'

export interface DifferentialCase {
  readonly documents: readonly Json[]
  readonly filter: Json
  readonly sort: { readonly [path: string]: 1 | -1 }
  readonly update: { readonly [operator: string]: Json }
}

export type Json = { readonly [key: string]: unknown }

/** Few names and few values, so that filters hit and types meet. */
const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, 1, 2, 3, 10, -4, 1.5),
  fc.constantFrom('', 'a', 'b', 'ab', 'B', '1', '10', '9', 'a\nb'),
)

const leaf = fc.oneof({ arbitrary: scalar, weight: 5 }, { arbitrary: fc.array(scalar, { maxLength: 3 }), weight: 1 })

/** Objects as literals make them. */
const plain = { noNullPrototype: true } as const
const anyKeys: { noNullPrototype: true; requiredKeys: [] } = { ...plain, requiredKeys: [] }

const inner: fc.Arbitrary<Json> = fc.record({ x: leaf, y: scalar, z: fc.record({ x: scalar }, plain) }, anyKeys)

const value: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: scalar, weight: 6 },
  { arbitrary: fc.array(scalar, { maxLength: 4 }), weight: 3 },
  { arbitrary: inner, weight: 3 },
  { arbitrary: fc.array(fc.oneof({ arbitrary: inner, weight: 4 }, scalar), { maxLength: 3 }), weight: 2 },
  { arbitrary: fc.array(fc.array(scalar, { maxLength: 2 }), { maxLength: 2 }), weight: 1 },
)

/** Of any type under a and b; c is a scalar, n a number, l an array: what most updates need. */
export const randomDocument: fc.Arbitrary<Json> = fc.record(
  {
    a: value,
    b: value,
    c: scalar,
    n: fc.constantFrom(0, 1, -2, 1.5, 7),
    l: fc.array(fc.oneof(scalar, inner), { maxLength: 4 }),
  },
  anyKeys,
)

const path = fc.constantFrom('a', 'a', 'b', 'c', 'n', 'l', 'a.x', 'a.y', 'b.x', 'b.z.x', 'a.0', 'b.1.x')

const range = fc
  .tuple(fc.constantFrom('$gt', '$gte', '$lt', '$lte'), scalar)
  .map(([operator, bound]): Json => ({ [operator]: bound }))

const pattern = fc.constantFrom('a', '^a', 'b$', '^a.b$', '[0-9]+', 'a|1', '^$', '^(a|b)+$', '\\d', 'B?', '\\bb')

const onValues: fc.Arbitrary<Json> = fc.oneof(
  fc.record({ $eq: leaf }, plain),
  fc.record({ $ne: leaf }, plain),
  range,
  fc.tuple(range, range).map(([first, second]) => ({ ...first, ...second })),
  fc.record({ $in: fc.array(leaf, { maxLength: 3 }) }, plain),
  fc.record({ $nin: fc.array(leaf, { maxLength: 3 }) }, plain),
  fc.record({ $exists: fc.boolean() }, plain),
  fc.constantFrom('number', 'string', 'object', 'array', 'bool', 'null').map(($type) => ({ $type })),
  fc.record({ $regex: pattern, $options: fc.constantFrom('', 'i', 'm', 's') }, plain),
  fc.tuple(fc.constantFrom(2, 3, -2), fc.constantFrom(0, 1, -1)).map(($mod) => ({ $mod })),
)

const onElements: fc.Arbitrary<Json> = fc.oneof(
  fc.array(scalar, { maxLength: 2 }).map(($all) => ({ $all })),
  fc.nat(3).map(($size) => ({ $size })),
  fc.oneof(range, onValues).map(($elemMatch) => ({ $elemMatch })),
  fc
    .tuple(fc.constantFrom('x', 'y', 'z.x'), fc.oneof(scalar, onValues))
    .map(([name, one]) => ({ $elemMatch: { [name]: one } })),
)

const condition: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: leaf, weight: 2 },
  { arbitrary: onValues, weight: 6 },
  { arbitrary: onElements, weight: 2 },
  { arbitrary: fc.oneof(onValues, onElements).map(($not) => ({ $not })), weight: 1 },
)

const onField: fc.Arbitrary<Json> = fc.tuple(path, condition).map(([name, wanted]) => ({ [name]: wanted }))

export const randomCaseFilter: fc.Arbitrary<Json> = fc.letrec<{ filter: Json; joined: Json }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    { arbitrary: onField, weight: 6 },
    { arbitrary: fc.tuple(onField, onField).map(([one, other]) => ({ ...one, ...other })), weight: 2 },
    { arbitrary: tie('joined'), weight: 2 },
  ),
  joined: fc
    .tuple(fc.constantFrom('$and', '$or', '$nor'), fc.array(tie('filter'), { minLength: 1, maxLength: 3 }))
    .map(([operator, filters]) => ({ [operator]: filters })),
})).filter

export const randomCaseSort: fc.Arbitrary<DifferentialCase['sort']> = fc
  .uniqueArray(fc.constantFrom('a', 'b', 'c', 'n', 'a.y', 'b.z.x'), { minLength: 1, maxLength: 2 })
  .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), fc.constantFrom<1 | -1>(1, -1)))))
  .map((keys) => Object.fromEntries(keys))

const number = fc.constantFrom(0, 1, 2, -3, 0.5, 10)

const updatePath = fc.constantFrom('a', 'b', 'c', 'a.x', 'a.y', 'b.x', 'b.z.x', 'a.0', 'd', 'd.e')

const item = fc.oneof(scalar, inner)

const modifiers = fc.record(
  {
    $each: fc.array(item, { maxLength: 3 }),
    $position: fc.constantFrom(0, 1, 5, -1, -5),
    $sort: fc.constantFrom<unknown>(1, -1, { y: 1 }, { y: -1 }),
    $slice: fc.constantFrom(0, 1, 2, -1, -3),
  },
  { ...plain, requiredKeys: ['$each'] },
)

const operands: { readonly [operator: string]: fc.Arbitrary<unknown> } = {
  $set: fc.oneof(leaf, inner),
  $unset: fc.constant(''),
  $inc: number,
  $mul: number,
  $min: scalar,
  $max: scalar,
  $rename: fc.constantFrom('r', 'r.s', 'c'),
  $push: fc.oneof(item, modifiers),
  $addToSet: fc.oneof(
    item,
    fc.array(item, { maxLength: 3 }).map(($each) => ({ $each })),
  ),
  $pull: fc.oneof(
    scalar,
    range,
    fc.record({ $in: fc.array(scalar, { maxLength: 2 }) }, plain),
    scalar.map((y) => ({ y })),
  ),
  $pullAll: fc.array(scalar, { maxLength: 3 }),
  $pop: fc.constantFrom(1, -1),
}

/** Mostly where it fits. */
function pathFor(operator: string): fc.Arbitrary<string> {
  const usual = /push|pull|add|pop/i.test(operator) ? 'l' : /inc|mul/.test(operator) ? 'n' : undefined
  return usual === undefined ? updatePath : fc.oneof({ arbitrary: fc.constant(usual), weight: 3 }, updatePath)
}

const step = fc
  .constantFrom(...Object.keys(operands))
  .chain((operator) =>
    fc.tuple(pathFor(operator), operands[operator] ?? scalar).map(([name, operand]) => ({ operator, name, operand })),
  )

export const randomUpdate: fc.Arbitrary<DifferentialCase['update']> = fc
  .uniqueArray(step, { minLength: 1, maxLength: 2, selector: ({ operator }) => operator })
  .map((steps) => Object.fromEntries(steps.map(({ operator, name, operand }) => [operator, { [name]: operand }])))

export const randomCase: fc.Arbitrary<DifferentialCase> = fc.record(
  {
    documents: fc.array(randomDocument, { minLength: 1, maxLength: 6 }),
    filter: randomCaseFilter,
    sort: randomCaseSort,
    update: randomUpdate,
  },
  plain,
)
