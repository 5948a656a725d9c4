import { HoldfastError } from '@holdfast/errors'
import { checkTenantId } from '../sql/names.js'
import type { KeyRing } from './key-ring.js'

export interface StoreEncryption {
  /** Makes a new data key, which all writes of the tenant use from now on (in other processes within `keyCacheMs`). What is stored stays
   *  readable; `collection.rotate()` brings it under the new key. @returns the number of the new key */
  rotateTenantKey(tenantId: string): Promise<number>
  /** Wraps all keys of all tenants with the current master key. Afterwards the others are not needed any more. May be repeated.
   *  @returns how many were wrapped anew */
  rewrapKeys(): Promise<number>
  /** Destroys all keys of a tenant, for good: whatever they encrypted cannot be read any more, by anybody, wherever copies lie that were
   *  made without the keys. Other processes forget them within `keyCacheMs`. Rows stay until they are deleted.
   *  @returns how many keys there were */
  shredTenant(tenantId: string): Promise<number>
}

export class KeyManagement implements StoreEncryption {
  readonly #ring: KeyRing | undefined

  constructor(ring: KeyRing | undefined) {
    this.#ring = ring
  }

  async rotateTenantKey(tenantId: string): Promise<number> {
    return this.#configured().addDataKey(checkTenantId(tenantId))
  }

  async rewrapKeys(): Promise<number> {
    return this.#configured().rewrapAll()
  }

  async shredTenant(tenantId: string): Promise<number> {
    return this.#configured().destroy(checkTenantId(tenantId))
  }

  #configured(): KeyRing {
    if (this.#ring !== undefined) return this.#ring
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      'The store has no keys: open it with encryption.keys, or set HOLDFAST_ENCRYPTION_KEYS',
      { reason: 'ENCRYPTION_NOT_CONFIGURED' },
    )
  }
}
