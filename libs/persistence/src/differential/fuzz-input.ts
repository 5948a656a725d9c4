import * as fc from 'fast-check'

/** What callers without types, or with bad intent, may pass: well-formed filters and updates whose parts are nonsense, and nonsense
 *  altogether. */
const nastyText = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'constructor.prototype',
    '__proto__.polluted',
    'toString',
    'length',
  ),
  fc.constantFrom(
    '',
    '.',
    'a..b',
    'a.',
    '.a',
    '$',
    '$where',
    'a.$',
    'a.$[].b',
    '_id',
    '_version',
    '_createdAt',
    '_id.x',
    '-1',
    '01',
  ),
  fc.constantFrom(
    "'",
    "'; drop table holdfast.c_x; --",
    '"',
    '\\',
    '$1',
    '%',
    '{}',
    '{a}',
    'a,b',
    '\0',
    '\ud800',
    '\ufdd0',
    '\u{1f600}',
  ),
  fc.constantFrom('a.0.b', 'a.999999999', 'a.1e3', 'x'.repeat(3_000), Array.from({ length: 120 }, () => 'a').join('.')),
  fc.string({ maxLength: 6 }),
)

export const fuzzPath: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constantFrom('a', 'b', 'a.b', 'a.0', 'b.a.0'), weight: 3 },
  nastyText,
)

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, 1, -1, 1e308, 5e-324, 2 ** 53, -0, 'a', '2026-01-01T00:00:00.000Z'),
  fc.constantFrom<unknown>(
    undefined,
    NaN,
    Infinity,
    10n,
    Symbol('s'),
    () => 1,
    new Date(0),
    new Date(NaN),
    /a/,
    /(a+)+$/gi,
  ),
  fc.constantFrom<unknown>(new Map(), new Set([1]), new Uint8Array(2), new Error('x'), Object.create({ inherited: 1 })),
  nastyText,
)

const patterns = fc.oneof(
  fc.constantFrom(
    '(a+)+$',
    '(((a*)*)*)*b',
    '^(a|aa)*$',
    'a{255}{2}',
    '(?=a)',
    '\\1',
    '[a',
    '***:x',
    '(?i)a',
    '\\m\\M',
    '[[:<:]]',
  ),
  fc.string({
    unit: fc.constantFrom(
      'a',
      'b',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '1',
      ',',
      '*',
      '+',
      '?',
      '|',
      '^',
      '$',
      '\\',
      '.',
      '-',
      'd',
    ),
    maxLength: 10,
  }),
)

const known = [
  '$eq',
  '$ne',
  '$gt',
  '$gte',
  '$lt',
  '$lte',
  '$in',
  '$nin',
  '$exists',
  '$not',
  '$type',
  '$all',
  '$elemMatch',
  '$size',
  '$mod',
]

const { value, condition, filter } = fc.letrec<{ value: unknown; condition: unknown; filter: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fuzzPath, tie('value'), { maxKeys: 3 }),
  ),
  condition: fc.oneof(
    { maxDepth: 4 },
    tie('value'),
    fc.dictionary(fc.constantFrom(...known, '$foo'), fc.oneof(tie('value'), tie('condition'), tie('filter')), {
      maxKeys: 2,
    }),
    fc.record({ $regex: patterns, $options: fc.constantFrom('', 'i', 'g', 'imsx') }),
    fc.array(fc.oneof(tie('condition'), scalar), { maxLength: 3 }).map(($all) => ({ $all })),
    tie('condition').map(($elemMatch) => ({ $elemMatch })),
    fc.tuple(scalar, scalar).map(($mod) => ({ $mod })),
  ),
  filter: fc.oneof(
    { maxDepth: 4 },
    { arbitrary: fc.dictionary(fuzzPath, tie('condition'), { maxKeys: 2 }), weight: 5 },
    {
      arbitrary: fc.dictionary(
        fc.constantFrom('$and', '$or', '$nor', '$text', '$comment', '$expr'),
        fc.array(tie('filter'), { maxLength: 3 }),
        { maxKeys: 2 },
      ),
      weight: 2,
    },
    { arbitrary: tie('value'), weight: 1 },
  ),
}))

export const fuzzFilter: fc.Arbitrary<unknown> = filter
export const fuzzValue: fc.Arbitrary<unknown> = value

const updateOperators =
  '$set $unset $setOnInsert $inc $mul $min $max $currentDate $rename $push $addToSet $pull $pullAll $pop $bit a __proto__'.split(
    ' ',
  )

const modifiers = fc.dictionary(fc.constantFrom('$each', '$slice', '$sort', '$position', 'x'), value, { maxKeys: 4 })

const pairs = fc.array(
  fc.tuple(
    fc.constantFrom(...updateOperators),
    fc.oneof(fc.dictionary(fuzzPath, fc.oneof(value, modifiers, condition), { maxKeys: 2 }), value),
  ),
  { maxLength: 3 },
)

export const fuzzUpdate: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: pairs.map((operators): unknown => Object.fromEntries(operators)), weight: 6 },
  { arbitrary: value, weight: 1 },
)

export const fuzzSort: fc.Arbitrary<unknown> = fc.oneof(
  fc.dictionary(fuzzPath, fc.oneof(fc.constantFrom<unknown>(1, -1), value), { maxKeys: 3 }),
  value,
)

export const fuzzProjection: fc.Arbitrary<unknown> = fc.oneof(
  fc.dictionary(fuzzPath, fc.oneof(fc.constantFrom<unknown>(0, 1, true), value), { maxKeys: 3 }),
  value,
)

/** Stored data: whatever JSON can hold. */
export const fuzzData: fc.Arbitrary<unknown> = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>(null, true, 0, -1.5, 1e300, 'a', 'aaaa', '', '\0', '\ud800'),
    nastyText,
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', '0'), nastyText), tie('json'), { maxKeys: 3 }),
  ),
})).json

const cursorText = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.json().map((json) => Buffer.from(json).toString('base64url')),
  fc
    .tuple(fc.constantFrom(0, 1, 2, 3, 6, NaN), fc.constantFrom<unknown>(0, 1e308, null, 'x'), nastyText)
    .map((position) => Buffer.from(JSON.stringify([1, 'x', [position]])).toString('base64url')),
)

export const fuzzCursor: fc.Arbitrary<unknown> = fc.oneof({ arbitrary: cursorText, weight: 3 }, value)

/** What a cursor of the right listing may hold that somebody has made up. */
export const fuzzPositions: fc.Arbitrary<{ rank: number; number: number; text: string }[]> = fc.array(
  fc.record({
    rank: fc.constantFrom(1, 2, 3, 4, 5, 6, 7),
    number: fc.constantFrom(0, -1, 1.5, 1e308, 5e-324, 8.64e15, 2 ** 62),
    text: fc.oneof(fc.constant(''), fc.constant('d5'), nastyText),
  }),
  { minLength: 1, maxLength: 3 },
)
