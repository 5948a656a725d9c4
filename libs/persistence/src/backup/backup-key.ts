import { createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { open, seal } from '../encryption/seal.js'
import { damagedBackup } from './frames.js'

const keyBytes = 32

/** What encrypts a backup: 32 bytes, or their base64 or hex. */
export type BackupSecret = string | Uint8Array

/** The encryption of one backup: AES-256-GCM with a key that HKDF-SHA256 makes of the secret and the backup's id, so that frames of one backup are none of
 *  another under the same secret. */
export class BackupKey {
  /** Tells the right secret from another, and nothing else. */
  readonly check: string
  readonly #key: KeyObject
  readonly #id: string

  /** @throws INVALID_ARGUMENT; no message holds the secret */
  constructor(secret: BackupSecret, id: string) {
    const made = Buffer.from(hkdfSync('sha256', bytesOf(secret), id, 'holdfast backup', keyBytes + 16))
    this.#key = createSecretKey(made.subarray(0, keyBytes))
    this.check = made.subarray(keyBytes).toString('hex')
    this.#id = id
  }

  /** @param place the number and the kind of the frame, so that none can be put in another's place */
  seal(place: readonly number[], content: Uint8Array): Buffer {
    return seal(this.#key, [this.#id, ...place], content)
  }

  /** @throws DATA_LOSS */
  open(place: readonly number[], sealed: Uint8Array): Buffer {
    const content = open(this.#key, [this.#id, ...place], sealed)
    if (content === undefined) throw damagedBackup(`was changed in frame ${place[0]} by someone who has not the key`, 0)
    return content
  }

  /** @throws FAILED_PRECONDITION with reason BACKUP_KEY_WRONG */
  assertIs(check: string): void {
    const [own, other] = [Buffer.from(this.check), Buffer.from(check)]
    if (own.length === other.length && timingSafeEqual(own, other)) return
    throw new HoldfastError('FAILED_PRECONDITION', 'The backup was encrypted with another key: give that one', {
      reason: 'BACKUP_KEY_WRONG',
    })
  }
}

/** @throws INVALID_ARGUMENT */
export function assertSecret(secret: BackupSecret): void {
  bytesOf(secret)
}

export function keyMissing(): HoldfastError {
  return new HoldfastError('FAILED_PRECONDITION', 'The backup is encrypted: give the key that it was made with', {
    reason: 'BACKUP_KEY_MISSING',
  })
}

function bytesOf(secret: BackupSecret): Buffer {
  const text = typeof secret === 'string' ? secret.trim() : undefined
  const bytes =
    text === undefined
      ? Buffer.from(secret as Uint8Array)
      : Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64')
  if (bytes.length !== keyBytes) throw invalidField('key', 'must be 32 bytes, as base64 or hex')
  return bytes
}
