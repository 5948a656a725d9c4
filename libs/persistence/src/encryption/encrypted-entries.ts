import { createHmac } from 'node:crypto'
import { HoldfastError } from '@holdfast/errors'
import { decodeJson } from '../json.js'
import { type Mark, markName, markOf } from '../schema/mark.js'
import type { KeySource, TenantKeys } from './key-ring.js'
import { open, seal } from './seal.js'

export interface EntryPlace {
  readonly stream: string
  readonly key?: string | undefined
  /** The text need not be the same another time. */
  readonly random?: boolean
}

/** Entries of an encrypted log, as `{ $holdfast: { k: 2, e: '…' } }`.
 *
 *  An entry with an idempotency key gets a nonce that is a keyed hash of its place and content (as in SIV), so that the same append
 *  gives the same text and the database can tell a repetition from a conflict. Others get random ones. */
export class EncryptedEntries {
  readonly #log: string
  readonly #tenant: string
  readonly #keys: KeySource

  constructor(log: string, tenant: string, keys: KeySource) {
    this.#log = log
    this.#tenant = tenant
    this.#keys = keys
  }

  /** @param number of the data key; default: the current one */
  async encode(place: EntryPlace, json: string, number?: number): Promise<{ readonly [markName]: Mark }> {
    const keys = await this.#keys()
    const k = number ?? keys.current
    const at = this.#placeOf(place, k)
    const e = seal(
      keys.data(k),
      at,
      json,
      place.key === undefined || place.random === true ? undefined : nonceOf(keys, [...at, place.stream], json),
    )
    return { [markName]: { k, e: e.toString('base64') } }
  }

  /** Data that was stored before the log was encrypted comes back as it is. */
  async decode(place: EntryPlace, data: unknown): Promise<unknown> {
    const mark = markOf(data)
    if (mark?.e === undefined) return data
    const { k = 0, e } = mark
    const keys = await this.#keys(k)
    const json = open(keys.data(k), this.#placeOf(place, k), Buffer.from(e, 'base64'))
    if (json !== undefined) return decodeJson(json.toString('utf8'))
    throw new HoldfastError(
      'DATA_LOSS',
      `An entry of ${place.stream} of ${this.#log} was changed outside of the store or belongs elsewhere: restore it from a backup`,
      { reason: 'DECRYPTION_FAILED' },
    )
  }

  /** The numbers of older data keys, the newest first: an entry may have been stored under any of them. */
  async olderKeys(): Promise<readonly number[]> {
    const { numbers } = await this.#keys()
    return numbers.slice(0, -1).toReversed()
  }

  /** Not the stream, because a branch reads the entries of its parent as its own. */
  #placeOf({ key }: EntryPlace, k: number): readonly unknown[] {
    return ['entry', this.#tenant, this.#log, key ?? null, k]
  }
}

function nonceOf(keys: TenantKeys, place: readonly unknown[], json: string): Uint8Array {
  const hmac = createHmac('sha256', keys.derived('entry nonce')).update(JSON.stringify(place)).update('\0').update(json)
  return hmac.digest().subarray(0, 12)
}
