import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { serverKindOf } from './server-kind.js'

describe('the kind of a server', () => {
  it('is known by its version', () => {
    assert.equal(serverKindOf('PostgreSQL 18.4 on x86_64-pc-linux-gnu, compiled by gcc'), 'postgresql')
    assert.equal(serverKindOf('CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15)'), 'cockroachdb')
    assert.equal(serverKindOf('PostgreSQL 11.2-YB-2.21.0.0-b0 on x86_64-pc-linux-gnu'), 'yugabytedb')
  })
})
