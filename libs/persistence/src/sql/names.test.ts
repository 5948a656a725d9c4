import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import {
  checkId,
  checkName,
  checkTenantId,
  collectionTable,
  logTables,
  quoteIdentifier,
  quoteLiteral,
} from './names.js'

const refusal = (field: string) => (error: unknown) =>
  error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT' && error.fields[0]?.field === field

describe('names', () => {
  it('takes lower-case names and puts them into quoted table names', () => {
    assert.equal(collectionTable('conversation-states'), 'holdfast."c_conversation-states"')
    assert.deepEqual(logTables('messages'), { entries: 'holdfast."l_messages"', streams: 'holdfast."s_messages"' })
    assert.equal(checkName('a'.repeat(41), 'log').length, 41)
  })

  it('refuses names that could not be part of a table name, naming the field', () => {
    for (const name of ['', 'A', '1a', 'a b', 'a"b', 'a.b', 'a'.repeat(42), 'a\n', undefined, 7]) {
      assert.throws(() => checkName(name, 'collection'), refusal('collection'), JSON.stringify(name))
    }
  })

  it('takes ids of 1 to 512 characters that PostgreSQL can hold, and tenant ids of 1 to 128', () => {
    assert.equal(checkId('a'.repeat(512), 'id').length, 512)
    assert.equal(checkId('😀 __proto__', 'id'), '😀 __proto__')
    for (const id of ['', 'a'.repeat(513), 'a\0', '\ud800', '\ude00\ud83d', undefined, 7, null]) {
      assert.throws(() => checkId(id, 'id'), refusal('id'), JSON.stringify(id))
    }
    assert.equal(checkTenantId('acme'), 'acme')
    assert.throws(() => checkTenantId('a'.repeat(129)), refusal('tenantId'))
  })

  it('quotes identifiers and string constants', () => {
    assert.equal(quoteIdentifier('a"b'), '"a""b"')
    assert.equal(quoteLiteral("it's"), "'it''s'")
    assert.equal(quoteLiteral("\\'"), "E'\\\\'''")
  })
})
