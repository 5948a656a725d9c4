import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Handout, handoutsThatOverlap } from './handouts.js'

const handout = (id: string, version: number, at: number, end: number, token = `t${version}`): Handout => ({
  id,
  token,
  version,
  at,
  until: end,
  end,
})

test('handouts of one job that follow each other do not overlap, nor those of different jobs', () => {
  assert.equal(handoutsThatOverlap([handout('a', 3, 20, 30), handout('a', 2, 10, 20), handout('b', 2, 5, 40)]), 0)
})

test('a job that was handed out before the one who had it was done, and the same handout twice, are counted', () => {
  assert.equal(handoutsThatOverlap([handout('a', 2, 10, 20), handout('a', 3, 19, 30)]), 1)
  assert.equal(handoutsThatOverlap([handout('a', 2, 10, 20), handout('a', 2, 30, 40)]), 1)
  assert.equal(handoutsThatOverlap([handout('a', 2, 10, 20, 'same'), handout('a', 3, 30, 40, 'same')]), 1)
})
