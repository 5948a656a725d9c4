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
}
