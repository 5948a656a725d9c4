import type { Filter } from '../document-store.js'

export interface MatchingCase {
  readonly filter: Filter
  readonly yes?: readonly unknown[]
  readonly no?: readonly unknown[]
}

/** What MongoDB 8 answers; where a case is named after its source's test suite (path_test.cpp), that is the reference. */
export const matchingCases: Readonly<Record<string, readonly MatchingCase[]>> = {
  'a value equals itself and an element of an array': [
    { filter: { a: 1 }, yes: [{ a: 1 }, { a: [0, 1] }], no: [{ a: '1' }, { a: [[1]] }, { a: { b: 1 } }, {}, 1, null] },
    { filter: { a: 'x' }, yes: [{ a: 'x' }, { a: ['x'] }], no: [{ a: 'X' }, { b: 'x' }] },
    { filter: { a: false }, yes: [{ a: false }], no: [{ a: 0 }, { a: null }, {}] },
  ],
  'arrays and objects are compared whole or as elements': [
    {
      filter: { a: [1, 2] },
      yes: [{ a: [1, 2] }, { a: [0, [1, 2]] }],
      no: [{ a: [2, 1] }, { a: [1, 2, 3] }, { a: 1 }],
    },
    { filter: { a: [] }, yes: [{ a: [] }, { a: [[]] }], no: [{ a: [1] }, {}, { a: null }] },
    {
      filter: { a: { x: 1, y: [2] } },
      yes: [{ a: { y: [2], x: 1 } }, { a: [{ x: 1, y: [2] }] }],
      no: [{ a: { x: 1 } }],
    },
  ],
  'null equals missing': [
    {
      filter: { a: null },
      yes: [{ a: null }, {}, { a: [1, null] }, { b: 1 }],
      no: [{ a: 0 }, { a: '' }, { a: false }, { a: [] }, { a: {} }],
    },
    {
      filter: { 'a.b': null },
      yes: [{}, { a: 5 }, { a: null }, { a: {} }, { a: { b: null } }, { a: [{ b: 1 }, {}] }],
      no: [{ a: { b: 1 } }, { a: [] }, { a: [1, 2] }, { a: [{ b: 1 }] }],
    },
    { filter: { a: { $in: [1, null] } }, yes: [{}, { a: 1 }], no: [{ a: 2 }, { a: [] }] },
  ],
  'ranges hold within one type': [
    {
      filter: { a: { $gt: 10 } },
      yes: [{ a: 11 }, { a: [1, 11] }, { a: 1e300 }],
      no: [{ a: 9 }, { a: '9' }, { a: '11' }, { a: true }, { a: null }, {}],
    },
    { filter: { a: { $lt: 10 } }, yes: [{ a: 9 }, { a: -1e300 }], no: [{ a: 10 }, { a: '1' }, { a: null }, {}] },
    { filter: { a: { $gte: 'b', $lt: 'd' } }, yes: [{ a: 'b' }, { a: 'cz' }], no: [{ a: 'd' }, { a: 5 }] },
    { filter: { a: { $gt: false } }, yes: [{ a: true }], no: [{ a: false }, { a: 1 }] },
    { filter: { a: { $gte: null } }, yes: [{ a: null }, {}], no: [{ a: 0 }] },
    { filter: { a: { $gt: null } }, no: [{ a: null }, {}, { a: 1 }] },
    { filter: { a: { $gt: '\uff5e' } }, yes: [{ a: '\u{1f600}' }], no: [{ a: '\ue000' }] },
  ],
  'two bounds may be met by two elements': [
    { filter: { a: { $gt: 5, $lt: 3 } }, yes: [{ a: [1, 9] }], no: [{ a: 4 }, { a: [4] }] },
  ],
  'paths go through arrays of objects': [
    {
      filter: { 'a.b': 1 },
      yes: [{ a: { b: 1 } }, { a: [{ b: 0 }, { b: 1 }] }, { a: [{ b: [1] }] }],
      no: [{ a: [[{ b: 1 }]] }, { a: 1 }],
    },
    { filter: { 'a.b.c': 1 }, yes: [{ a: [{ b: [{ c: 1 }] }] }], no: [{ a: [{ b: [[{ c: 1 }]] }] }] },
  ],
  'a number in a path is a place in an array, or a key': [
    {
      filter: { 'a.1': 7 },
      yes: [{ a: [5, 7] }, { a: { 1: 7 } }, { a: [{ 1: 7 }] }],
      no: [{ a: [7, 5] }, { a: [5, [7]] }],
    },
    { filter: { 'a.1': [2, 4] }, yes: [{ a: [5, [2, 4], 3] }] },
    { filter: { 'a.1.b': 4 }, yes: [{ a: [5, { b: 4 }, 3] }, { a: [5, [{ b: 4 }], 3] }], no: [{ a: [{ b: 4 }, 5] }] },
    { filter: { 'a.01': 7 }, no: [{ a: [5, 7] }], yes: [{ a: { '01': 7 } }] },
    { filter: { 'a.-1': 7 }, no: [{ a: [5, 7] }] },
    { filter: { 'a.0.b': null }, yes: [{ a: [{ c: 1 }] }], no: [{ a: [false] }, { a: [[]] }, { a: [null] }] },
  ],
  'negation is the exact opposite': [
    { filter: { a: { $ne: 1 } }, yes: [{ a: 2 }, {}, { a: null }, { a: [2] }], no: [{ a: 1 }, { a: [1, 2] }] },
    { filter: { a: { $nin: [1, null] } }, yes: [{ a: 2 }], no: [{ a: 1 }, {}, { a: [null] }] },
    { filter: { a: { $not: { $gt: 5 } } }, yes: [{ a: 5 }, { a: 'x' }, {}], no: [{ a: 6 }, { a: [1, 6] }] },
    { filter: { $nor: [{ a: 1 }, { b: 1 }] }, yes: [{ a: 2 }], no: [{ a: 1 }, { b: 1 }] },
    { filter: { a: { $not: { $not: { $eq: 1 } } } }, yes: [{ a: 1 }], no: [{}] },
  ],
  'existence means not missing': [
    { filter: { a: { $exists: true } }, yes: [{ a: null }, { a: [] }], no: [{}, { b: 1 }] },
    {
      filter: { 'a.b': { $exists: false } },
      yes: [{}, { a: [] }, { a: [{ c: 1 }] }, { a: 3 }],
      no: [{ a: [{}, { b: null }] }],
    },
    { filter: { 'a.0': { $exists: true } }, yes: [{ a: [null] }, { a: { 0: 1 } }], no: [{ a: [] }] },
  ],
  'disjunctions and sets': [
    { filter: { $or: [{ a: 1 }, { b: { $gt: 1 } }] }, yes: [{ a: 1 }, { b: 2 }], no: [{ a: 2, b: 1 }] },
    { filter: { a: { $in: [] } }, no: [{}, { a: [] }, { a: 1 }] },
    {
      filter: { a: { $in: ['x', [1], { k: 1 }] } },
      yes: [{ a: 'x' }, { a: [1] }, { a: [[1]] }, { a: { k: 1 } }],
      no: [{ a: 1 }],
    },
    { filter: {}, yes: [{}, 1, null, []] },
  ],
  'names from the prototype are missing unless they are own keys': [
    { filter: { constructor: { $exists: true } }, no: [{}], yes: [{ constructor: 1 }] },
    { filter: JSON.parse('{"__proto__": {"$exists": true}}'), no: [{}], yes: [JSON.parse('{"__proto__": 1}')] },
    { filter: { 'a.toString': { $exists: true } }, no: [{ a: {} }, { a: [] }, { a: 'x' }] },
    { filter: { 'a.length': 1 }, no: [{ a: [1] }, { a: 'x' }], yes: [{ a: { length: 1 } }] },
  ],
  'types are those of JSON, of the value and of its elements': [
    { filter: { a: { $type: 'number' } }, yes: [{ a: 1 }, { a: ['x', 1.5] }], no: [{ a: '1' }, {}, { a: null }] },
    { filter: { a: { $type: 'array' } }, yes: [{ a: [] }, { a: [1] }], no: [{ a: { 0: 1 } }, {}] },
    { filter: { a: { $type: ['null', 'bool'] } }, yes: [{ a: null }, { a: false }, { a: [true] }], no: [{}, { a: 0 }] },
    { filter: { a: { $type: 2 } }, yes: [{ a: 'x' }], no: [{ a: 2 }] },
    { filter: { 'a.b': { $type: 'object' } }, yes: [{ a: [{ b: {} }] }, { a: { b: { c: 1 } } }], no: [{ a: {} }] },
  ],
  '$all wants every value, each by whichever element': [
    { filter: { a: { $all: [1, 2] } }, yes: [{ a: [2, 3, 1] }], no: [{ a: [1] }, { a: 1 }, {}] },
    { filter: { a: { $all: [1] } }, yes: [{ a: 1 }, { a: [1] }], no: [{ a: [[1]] }] },
    { filter: { a: { $all: [[1, 2]] } }, yes: [{ a: [1, 2] }, { a: [[1, 2], 3] }], no: [{ a: [2, 1] }] },
    { filter: { a: { $all: [] } }, no: [{}, { a: [] }, { a: 1 }] },
    {
      filter: { a: { $all: [{ $elemMatch: { x: 1 } }, { $elemMatch: { x: 2 } }] } },
      yes: [{ a: [{ x: 2 }, { x: 1 }] }],
      no: [{ a: [{ x: 1 }] }],
    },
    { filter: { a: { $all: [/^x/, 'y'] } }, yes: [{ a: ['y', 'xx'] }], no: [{ a: ['xx'] }] },
  ],
  '$elemMatch wants one element to meet all': [
    {
      filter: { a: { $elemMatch: { $gt: 1, $lt: 5 } } },
      yes: [{ a: [0, 3] }],
      no: [{ a: [0, 9] }, { a: 3 }, { a: [[3]] }],
    },
    {
      filter: { a: { $elemMatch: { x: 1, y: { $gt: 1 } } } },
      yes: [{ a: [{ x: 1, y: 2 }] }],
      no: [{ a: [{ x: 1 }, { y: 2 }] }, { a: { x: 1, y: 2 } }],
    },
    { filter: { a: { $elemMatch: {} } }, yes: [{ a: [{}] }, { a: [[]] }], no: [{ a: [1] }, { a: [] }] },
    { filter: { a: { $elemMatch: { 0: 7 } } }, yes: [{ a: [[7]] }], no: [{ a: [7] }, { a: [[{ 0: 7 }]] }] },
    {
      filter: { a: { $elemMatch: { $elemMatch: { $eq: 1 } } } },
      yes: [{ a: [[0, 1]] }],
      no: [{ a: [1] }, { a: [[[1]]] }],
    },
    {
      filter: { a: { $elemMatch: { $not: { $gt: 1 } } } },
      yes: [{ a: [5, 1] }, { a: ['x'] }],
      no: [{ a: [5] }, { a: [] }],
    },
    { filter: { a: { $elemMatch: { $or: [{ x: 1 }, { y: 1 }] } } }, yes: [{ a: [{ y: 1 }] }], no: [{ a: [{ x: 2 }] }] },
    { filter: { a: { $elemMatch: { _id: 1 } } }, yes: [{ a: [{ _id: 1 }] }], no: [{ a: [{ _id: 2 }] }] },
    { filter: { 'a.b': { $elemMatch: { $gt: 1 } } }, yes: [{ a: [{ b: [2] }] }], no: [{ a: [{ b: 2 }] }] },
    { filter: { a: { $not: { $elemMatch: { $gt: 1 } } } }, yes: [{ a: [1] }, {}, { a: 5 }], no: [{ a: [2] }] },
  ],
  '$size is that of the array itself': [
    {
      filter: { a: { $size: 2 } },
      yes: [{ a: [1, 2] }],
      no: [{ a: [[1, 2]] }, { a: 'xx' }, { a: { 0: 1, 1: 2 } }, {}],
    },
    { filter: { a: { $size: 0 } }, yes: [{ a: [] }], no: [{ a: [[]] }, {}, { a: null }] },
    { filter: { 'a.b': { $size: 1 } }, yes: [{ a: [{ b: [5] }] }], no: [{ a: [{ b: 5 }] }] },
    { filter: { 'a.0': { $size: 1 } }, yes: [{ a: [[5]] }], no: [{ a: [5] }] },
  ],
  'regular expressions look into strings, and strings in arrays': [
    {
      filter: { a: /^ab/ },
      yes: [{ a: 'abc' }, { a: [1, 'ab'] }],
      no: [{ a: 'xab' }, { a: 1 }, {}, { a: null }, { a: {} }],
    },
    { filter: { a: /ÄB/i }, yes: [{ a: 'xäbx' }], no: [{ a: 'ab' }] },
    { filter: { a: { $regex: '^b$', $options: 'm' } }, yes: [{ a: 'a\nb\nc' }, { a: 'b' }], no: [{ a: 'a b' }] },
    { filter: { a: { $regex: 'a.b' } }, yes: [{ a: 'axb' }, { a: 'a\rb' }], no: [{ a: 'a\nb' }] },
    { filter: { a: { $regex: 'a.b', $options: 's' } }, yes: [{ a: 'a\nb' }] },
    { filter: { a: { $regex: 'a b # c', $options: 'x' } }, yes: [{ a: 'ab' }], no: [{ a: 'a b' }] },
    { filter: { a: { $in: [1, /^x/] } }, yes: [{ a: 1 }, { a: 'xy' }], no: [{ a: 'yx' }, { a: 2 }] },
    { filter: { a: { $nin: [1, /^x/] } }, yes: [{ a: 2 }, {}], no: [{ a: ['xy'] }] },
    { filter: { a: { $not: /x/ } }, yes: [{ a: 'y' }, {}, { a: 1 }], no: [{ a: 'x' }, { a: ['y', 'x'] }] },
    { filter: { a: { $regex: '^(\\d{3}-)?\\w+$' } }, yes: [{ a: '123-x' }, { a: 'y' }], no: [{ a: '12-x' }] },
    { filter: { a: /[^\ud7ff]/ }, yes: [{ a: 'x' }, { a: '\u{1f600}' }], no: [{ a: '\ud7ff' }, { a: '' }] },
    { filter: { a: /^.$/u }, yes: [{ a: '\u{1f600}' }, { a: 'x' }], no: [{ a: 'xy' }] },
    { filter: { a: { $regex: "'; drop table x; --" } }, yes: [{ a: "'; drop table x; --" }], no: [{ a: 'x' }] },
  ],
  '$mod is of whole numbers': [
    {
      filter: { a: { $mod: [4, 1] } },
      yes: [{ a: 5 }, { a: 5.9 }, { a: [4, 9] }],
      no: [{ a: 4 }, { a: '5' }, { a: null }, {}],
    },
    { filter: { a: { $mod: [4, -1] } }, yes: [{ a: -5 }], no: [{ a: 5 }, { a: 3 }] },
    { filter: { a: { $mod: [2, 0] } }, yes: [{ a: -2 }, { a: 0.5 }, { a: -0.5 }], no: [{ a: 1e300 }, { a: true }] },
  ],
  'Dates are the ISO strings that the data keeps': [
    {
      filter: { a: { $gte: new Date('2026-01-01'), $lt: new Date('2027-01-01') } },
      yes: [{ a: new Date('2026-06-01') }, { a: '2026-06-01T00:00:00.000Z' }],
      no: [{ a: new Date('2025-06-01') }, { a: 1_780_000_000_000 }, {}, { a: null }],
    },
    { filter: { a: new Date(0) }, yes: [{ a: new Date(0) }, { a: [new Date(0)] }], no: [{ a: 0 }, {}, { a: 'x' }] },
    { filter: { a: { $not: { $gt: new Date(0) } } }, yes: [{}, { a: new Date(-1) }], no: [{ a: new Date(1) }] },
  ],
  'data that is an array itself is an object whose names are its places': [
    { filter: { a: null }, yes: [[], [{ a: 1 }], [[1]]], no: [{ a: 1 }] },
    { filter: { a: { $exists: true } }, yes: [{ a: 1 }], no: [[{ a: 1 }], []] },
    { filter: { '0': 1 }, yes: [[1], [[1]], { 0: 1 }], no: [[0, 1], [{ 0: 1 }]] },
    { filter: { '0.a': 1 }, yes: [[{ a: 1 }], [[{ a: 1 }]]], no: [{ a: 1 }] },
    { filter: { '1': { $size: 1 } }, yes: [[0, [5]]], no: [[[5]], [0, 5]] },
  ],
  'a comment changes nothing': [{ filter: { a: 1, $comment: 'why' }, yes: [{ a: 1 }], no: [{ a: 2 }] }],
}
