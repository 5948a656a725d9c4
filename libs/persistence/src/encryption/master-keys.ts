import { createSecretKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { checkOptions } from '../options.js'
import { open, seal } from './seal.js'

type Secret = string | Uint8Array

/** A key that encrypts the keys of tenants: a secret of 32 bytes, or a key service that wraps and unwraps 32 bytes. */
export type MasterKey =
  | {
      /** 1 to 64 letters, digits, `.`, `_` and `-`. Stored with every key that it wraps. */
      readonly id: string
      /** 32 bytes, or their base64, or what gets them; asked for once. */
      readonly secret: Secret | (() => Secret | Promise<Secret>)
    }
  | {
      readonly id: string
      readonly wrap: (key: Uint8Array, context: KeyContext) => Promise<Uint8Array>
      readonly unwrap: (wrapped: Uint8Array, context: KeyContext) => Promise<Uint8Array>
    }

/** What a wrapped key belongs to; key services take it as encryption context. */
export interface KeyContext {
  readonly tenant: string
  readonly number: number
}

export interface EncryptionOptions {
  /** All that stored keys may be wrapped by; old ones are needed until `encryption.rewrapKeys()` has run. */
  readonly keys: readonly MasterKey[]
  /** The id of the one that wraps new keys; default: the first. */
  readonly current?: string
  /** How long a tenant's keys are kept in memory, in milliseconds; default 30,000, at least 100. After `shredTenant` in one process, others
   *  can go on reading for at most this long. */
  readonly keyCacheMs?: number
  /** Encrypts the bytes of new blobs, in the database and outside of it; default false. Hash, size and content type stay in clear. */
  readonly blobs?: boolean
}

export class MasterKeys {
  readonly current: string
  readonly keyCacheMs: number
  /** Whether the bytes of new blobs are encrypted. */
  readonly blobs: boolean
  readonly #keys: ReadonlyMap<string, MasterKey>
  readonly #secrets = new Map<string, Promise<KeyObject>>()

  /** @throws INVALID_ARGUMENT; no message holds a secret */
  constructor(options: EncryptionOptions) {
    checkOptions(options, ['keys', 'current', 'keyCacheMs', 'blobs'])
    const { keys, keyCacheMs = 30_000, blobs = false } = options
    if (!Array.isArray(keys) || keys.length === 0) throw invalidField('encryption.keys', 'must be at least one key')
    for (const [index, key] of keys.entries()) checkKey(key, `encryption.keys[${index}]`)
    this.#keys = new Map(keys.map((key: MasterKey) => [key.id, key]))
    if (this.#keys.size < keys.length) throw invalidField('encryption.keys', 'has an id twice')
    this.current = options.current ?? (keys[0] as MasterKey).id
    if (!this.#keys.has(this.current)) throw invalidField('encryption.current', 'must be the id of one of the keys')
    if (!Number.isSafeInteger(keyCacheMs) || keyCacheMs < 100) {
      throw invalidField('encryption.keyCacheMs', 'must be an integer from 100')
    }
    this.keyCacheMs = keyCacheMs
    if (typeof blobs !== 'boolean') throw invalidField('encryption.blobs', 'must be true or false')
    this.blobs = blobs
  }

  async wrap(plain: Uint8Array, context: KeyContext): Promise<string> {
    const key = this.#of(this.current, context)
    const wrapped =
      'wrap' in key
        ? await asked(key, () => key.wrap(plain, context))
        : seal(await this.#secret(key), placeOf(key.id, context), plain)
    return Buffer.from(wrapped).toString('base64')
  }

  /** @throws FAILED_PRECONDITION with reason MASTER_KEY_MISSING or MASTER_KEY_WRONG */
  async unwrap(wrapped: string, wrappedBy: string, context: KeyContext): Promise<Uint8Array> {
    const key = this.#of(wrappedBy, context)
    const bytes = Buffer.from(wrapped, 'base64')
    const plain =
      'unwrap' in key
        ? await asked(key, () => key.unwrap(bytes, context))
        : open(await this.#secret(key), placeOf(key.id, context), bytes)
    if (plain?.length === 32) return plain
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `Master key ${key.id} is not the one that wrapped the keys of tenant ${context.tenant}: configure the right secret`,
      { reason: 'MASTER_KEY_WRONG', metadata: { masterKey: key.id } },
    )
  }

  #of(id: string, { tenant }: KeyContext): MasterKey {
    const key = this.#keys.get(id)
    if (key !== undefined) return key
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `The keys of tenant ${tenant} are wrapped by master key ${id}, which is not configured: add it to encryption.keys`,
      { reason: 'MASTER_KEY_MISSING', metadata: { masterKey: id } },
    )
  }

  #secret(key: MasterKey & { readonly secret: unknown }): Promise<KeyObject> {
    const known = this.#secrets.get(key.id)
    if (known !== undefined) return known
    const loading = loadSecret(key).catch((error: unknown) => {
      this.#secrets.delete(key.id)
      throw error
    })
    this.#secrets.set(key.id, loading)
    return loading
  }
}

const placeOf = (id: string, { tenant, number }: KeyContext) => ['key', id, tenant, number]

async function loadSecret({ id, secret }: MasterKey & { readonly secret: unknown }): Promise<KeyObject> {
  const loaded: unknown =
    typeof secret === 'function' ? await asked({ id }, async () => (secret as () => unknown)()) : secret
  return createSecretKey(secretBytes(loaded, `The secret of master key ${id}`))
}

function secretBytes(secret: unknown, field: string): Uint8Array {
  const isText = typeof secret === 'string' && /^[A-Za-z0-9+/]{43}=?$/.test(secret.trim())
  const bytes = isText ? Buffer.from(secret, 'base64') : secret
  if (bytes instanceof Uint8Array && bytes.length === 32) return bytes
  throw invalidField(field, 'must be 32 bytes or their base64 (openssl rand -base64 32)')
}

/** What a key service says of a failure stays in the cause: it may name what is not for everybody. */
async function asked<R>({ id }: { readonly id: string }, ask: () => Promise<R>): Promise<R> {
  try {
    return await ask()
  } catch (error) {
    throw new HoldfastError('UNAVAILABLE', `Master key ${id} could not be used: see the cause, and try again`, {
      cause: error,
      reason: 'MASTER_KEY_UNAVAILABLE',
    })
  }
}

function checkKey(key: unknown, field: string): void {
  checkOptions(key, ['id', 'secret', 'wrap', 'unwrap'])
  const { id, secret, wrap, unwrap } = key as Record<string, unknown>
  if (typeof id !== 'string' || !/^[A-Za-z0-9._-]{1,64}$/.test(id)) {
    throw invalidField(`${field}.id`, 'must be 1 to 64 letters, digits, dots, underscores and hyphens')
  }
  if (secret === undefined) {
    if (typeof wrap === 'function' && typeof unwrap === 'function') return
    throw invalidField(field, 'must have a secret, or wrap and unwrap')
  }
  if (wrap !== undefined || unwrap !== undefined) throw invalidField(field, 'must have a secret, or wrap and unwrap')
  if (typeof secret !== 'function') secretBytes(secret, `${field}.secret`)
}

/** `HOLDFAST_ENCRYPTION_KEYS`: `id=base64` for each key, divided by commas or line ends, the current one first; or the path of a file
 *  that holds this. `HOLDFAST_ENCRYPT_BLOBS=true` encrypts blobs, too. @returns `undefined` if it is not set */
export async function encryptionFromEnvironment(
  value: string | undefined = process.env['HOLDFAST_ENCRYPTION_KEYS'],
): Promise<EncryptionOptions | undefined> {
  if (value === undefined || value.trim() === '') return undefined
  const text = namesFile(value.trim()) ? await readKeyFile(value.trim()) : value
  const lines = text.split(/[\n,]/).map((line) => line.trim())
  const keys = lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line, index) => {
      const [, id, secret] = /^([A-Za-z0-9._-]{1,64})=([A-Za-z0-9+/]{43}=?)$/.exec(line) ?? []
      if (id !== undefined && secret !== undefined) return { id, secret }
      throw invalidField(`HOLDFAST_ENCRYPTION_KEYS[${index}]`, 'must be id=SECRET, 32 bytes in base64')
    })
  return { keys, ...(process.env['HOLDFAST_ENCRYPT_BLOBS'] === 'true' ? { blobs: true } : {}) }
}

/** A key without its id may begin with a slash as well, and must not be quoted as the name of a file that is not there. */
function namesFile(value: string): boolean {
  return /^\.{0,2}\//.test(value) && !/^[A-Za-z0-9+/]{43}=?$/.test(value)
}

async function readKeyFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new HoldfastError(
      'FAILED_PRECONDITION',
      `The file ${file} of HOLDFAST_ENCRYPTION_KEYS cannot be read: put the keys there, or the keys themselves into the variable`,
      { cause: error, reason: 'MASTER_KEY_MISSING' },
    )
  }
}
