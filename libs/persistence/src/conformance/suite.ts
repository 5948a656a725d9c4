import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import type { OpenOptions } from '../open.js'
import type { DocumentStore, TenantStore } from '../document-store.js'

export interface ConformanceOptions {
  /** Opens another store on the same data, as another process would. Without it, the tests that need one are skipped. */
  readonly openAnother?: (options?: OpenOptions) => Promise<DocumentStore>
  /** How many random cases each property is tried on; default 300. */
  readonly cases?: number
  /** Where the random cases come from; default 20261122. The same seed gives the same cases. */
  readonly seed?: number
}

/** What the tests of one run share: one store, opened before the first and closed after the last. */
export interface Suite {
  readonly store: DocumentStore
  /** A tenant that nobody has used, which is how tests keep out of each other's way. */
  tenant(): TenantStore
  readonly open: (options?: OpenOptions) => Promise<DocumentStore>
  readonly openAnother: ((options?: OpenOptions) => Promise<DocumentStore>) | undefined
  readonly cases: number
  readonly seed: number
}

export type Json = Record<string, unknown>

export function freshTenantId(): string {
  return `test-${randomUUID()}`
}

/** For assert.rejects: a HoldfastError that finds fault with this field. */
export function faultOf(field: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof HoldfastError, String(error))
    assert.equal(error.code, 'INVALID_ARGUMENT', error.message)
    assert.equal(error.fields[0]?.field, field)
    return true
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** 0, 1, …, count - 1. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

/** Passes what the types forbid, as callers without types do. */
export function untyped(value: unknown): never {
  return value as never
}
