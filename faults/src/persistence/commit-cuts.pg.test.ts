import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutCommits } from './commit-cuts.js'

test(
  'transactions with a key take effect once and answer, however COMMIT is cut off',
  { timeout: 120_000 },
  async () => {
    const { cut_before_commit, cut_behind_commit, cut_before_answer, lost, doubled, unresolved, transactions } =
      await cutCommits({ cuts: 20, seed: 5 })
    assert.ok([cut_before_commit, cut_behind_commit, cut_before_answer].every((cuts) => cuts !== undefined && cuts > 0))
    assert.ok(transactions !== undefined && transactions > 0)
    assert.deepEqual({ lost, doubled, unresolved }, { lost: 0, doubled: 0, unresolved: 0 })
  },
)
