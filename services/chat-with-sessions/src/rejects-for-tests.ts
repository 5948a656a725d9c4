import assert from 'node:assert/strict'
import { type ErrorCode, HoldfastError } from '@holdfast/errors'

export interface Expected {
  readonly code: ErrorCode
  readonly reason?: string
  /** Name of the first field at fault. */
  readonly field?: string
}

export async function rejects(work: Promise<unknown>, { code, reason, field }: Expected): Promise<HoldfastError> {
  let thrown: unknown
  try {
    await work
  } catch (error) {
    thrown = error
  }
  assert.ok(thrown instanceof HoldfastError, `${code} was expected, not ${String(thrown)}`)
  assert.equal(thrown.code, code, thrown.message)
  if (reason !== undefined) assert.equal(thrown.reason, reason, thrown.message)
  if (field !== undefined) {
    assert.equal(thrown.fields[0]?.field, field, thrown.message)
    assert.ok(!/messages\[0\]|\boptions\.id\b/.test(thrown.message), thrown.message)
  }
  return thrown
}
