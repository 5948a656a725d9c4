import { HoldfastError } from '@holdfast/errors'
import type { Key, LeasedDocument, StoredDocument } from '../backend.js'
import type { DocumentAccess } from '../document-access.js'
import type { Lease, LeaseRelease } from '../contract/claims.js'
import type { Document } from '../contract/document.js'
import { checkOptions } from '../options.js'
import type { ParsedUpdate } from '../query/update.js'
import type { ClaimLanes } from './claim-lanes.js'
import type { ClaimOperations } from './claim-operations.js'
import { checkLeaseMs, parseSet } from './claim-request.js'

export interface LeaseTarget<T> {
  readonly collection: string
  readonly key: Key
  readonly access: DocumentAccess
  readonly operations: ClaimOperations
  readonly claims: ClaimLanes
  readonly decode: (stored: StoredDocument) => Document<T>
  /** The text after the update. */
  readonly update: (stored: StoredDocument, update: ParsedUpdate) => string
}

/** What the holder of a lease does. Writes go by the version: whoever claims the document makes it grow, so that a write which finds
 *  the version it knows is one before which nobody else claimed. Only when it is not found does the lease have to be looked at. */
export class HeldLease<T> implements Lease<T> {
  readonly token: string
  readonly #target: LeaseTarget<T>
  readonly #leaseMs: number
  /** As last seen. */
  #document: StoredDocument
  #until: number
  #ended = false

  constructor(target: LeaseTarget<T>, leased: LeasedDocument, leaseMs: number) {
    this.#target = target
    this.#document = leased
    this.#leaseMs = leaseMs
    this.#until = leased.leaseUntil
    this.token = leased.token
  }

  get expiresAt(): Date {
    return new Date(this.#until)
  }

  async renew(leaseMs: number = this.#leaseMs): Promise<Date> {
    await this.#settle(checkLeaseMs(leaseMs))
    return this.expiresAt
  }

  async release(options: LeaseRelease = {}): Promise<Document<T> | undefined> {
    checkOptions(options, ['set'])
    const set = parseSet(options.set)
    if (set === undefined) {
      await this.#settle(0)
      this.#ended = true
      return undefined
    }
    const { access, key, update, decode } = this.#target
    const document = await this.#fenced(async (known) => {
      let isAsKnown = false
      const modified = await access.modify(key, (current) => {
        isAsKnown = current?.version === known.version
        return isAsKnown && current !== undefined ? update(current, set) : undefined
      })
      return isAsKnown ? modified.document : undefined
    })
    this.#document = document
    // It may have been taken over between the write and this, which changes nothing about the write.
    this.#ended = true
    await this.#settleAs(0)
    return decode(document)
  }

  async delete(): Promise<void> {
    const { access, key } = this.#target
    await this.#fenced((current) => access.remove({ ...key, ifVersion: current.version }))
    this.#ended = true
  }

  /** Writes by the version last seen, and again with what is there now as long as the lease is still held. */
  async #fenced<R>(write: (current: StoredDocument) => Promise<R | undefined>): Promise<R> {
    if (this.#ended) throw this.#lost()
    for (;;) {
      const written = await write(this.#document)
      if (written !== undefined) return written
      await this.#settle(undefined)
      const current = await this.#target.access.fetch(this.#target.key)
      if (current === undefined) throw this.#lost()
      this.#document = current
    }
  }

  async #settle(leaseMs: number | undefined): Promise<void> {
    if (!(await this.#settleAs(leaseMs))) throw this.#lost()
  }

  async #settleAs(leaseMs: number | undefined): Promise<boolean> {
    const { claims, operations, key } = this.#target
    const settled = await claims.settle({ ...key, operations, token: this.token, leaseMs })
    if (settled === undefined) return false
    if (settled.leaseUntil > 0) this.#until = settled.leaseUntil
    return true
  }

  #lost(): HoldfastError {
    const { collection, key } = this.#target
    return new HoldfastError(
      'ABORTED',
      `The lease on document ${key.id} of ${collection} is lost (ended, run out and claimed by another, or the document is deleted): drop what was done under it and claim again`,
      { reason: 'LEASE_LOST' },
    )
  }
}
